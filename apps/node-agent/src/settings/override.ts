import { z } from 'zod';

/** What an override changes. Keys are those of VrrpSettings and LvsSettings. */
export const overrideChangeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('vrrp-priority'), instance: z.string(), priority: z.int().min(1).max(255) }),
  z.object({ kind: z.literal('vrrp-preempt'), instance: z.string(), preempt: z.boolean() }),
  z.object({ kind: z.literal('vrrp-accept'), instance: z.string(), accept: z.boolean() }),
  z.object({ kind: z.literal('vrrp-promote-secondaries'), instance: z.string(), promoteSecondaries: z.boolean() }),
  z.object({
    kind: z.literal('real-server-weight'),
    service: z.string(),
    realServer: z.string(),
    weight: z.int().min(0).max(2_147_483_647),
  }),
  /** Every instance at priority 1 and last resort. */
  z.object({ kind: z.literal('drain-node') }),
  /** Weight 0 wherever the address (and port, unless 0) is a real server. */
  z.object({ kind: z.literal('drain-server'), address: z.string(), port: z.int().min(0).max(65_535) }),
]);

export type OverrideChange = z.infer<typeof overrideChangeSchema>;

/** ISO 8601, wall clock. */
const time = z.string().refine((text) => !Number.isNaN(Date.parse(text)), { error: 'no date and time' });

/** A run-time change on top of the configuration: kept on disk, survives reload and restart, removed by id. */
export const overrideSchema = z.object({
  id: z.string().min(1),
  source: z.enum(['snmp', 'controller', 'local']),
  actor: z.string(),
  reason: z.string(),
  at: time,
  expiresAt: time.optional(),
  change: overrideChangeSchema,
});

export type Override = z.infer<typeof overrideSchema>;

/** Two overrides with the same target replace each other. */
export function overrideTarget(change: OverrideChange): string {
  switch (change.kind) {
    case 'vrrp-priority':
    case 'vrrp-preempt':
    case 'vrrp-accept':
    case 'vrrp-promote-secondaries':
      return `${change.kind}/${change.instance}`;
    case 'real-server-weight':
      return `${change.kind}/${change.service}/${change.realServer}`;
    case 'drain-node':
      return change.kind;
    case 'drain-server':
      return `${change.kind}/${change.address}/${change.port}`;
  }
}
