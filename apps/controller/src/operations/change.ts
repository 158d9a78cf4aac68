import { type fleet, model } from '@keepfleet/rpc';
import { err, ok, parseIp, type Result } from '@keepfleet/wire';
import { z } from 'zod';

const name = z.string().min(1).max(253);
const address = z.union([z.ipv4(), z.ipv6()]);
const port = z.int().min(0).max(65_535).describe('0 means every port');
const everyNode = z.string().max(253).describe('empty means every node');
const key = z.string().min(1).max(512);

/** What an operation changes. The names are those of the REST API and of the store. */
export const changeSchema = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('drain-node'), node: name }),
    z.object({ kind: z.literal('undrain-node'), node: name }),
    z.object({ kind: z.literal('drain-server'), address, port: port.default(0) }),
    z.object({ kind: z.literal('undrain-server'), address, port: port.default(0) }),
    z.object({
      kind: z.literal('set-priority'),
      node: everyNode.default(''),
      instance: name,
      priority: z.int().min(1).max(255),
    }),
    z.object({ kind: z.literal('clear-priority'), node: everyNode.default(''), instance: name }),
    z.object({
      kind: z.literal('set-weight'),
      node: everyNode.default(''),
      service: key,
      realServer: key,
      weight: z.int().min(0).max(2_147_483_647),
    }),
    z.object({ kind: z.literal('announce'), node: everyNode.default(''), instance: name }),
    z.object({
      kind: z.literal('zero-counters'),
      node: everyNode.default(''),
      service: z.string().max(512).default('').describe('empty means all'),
    }),
    z.object({ kind: z.literal('clear-weight'), node: everyNode.default(''), service: key, realServer: key }),
  ])
  .meta({ id: 'Change' });

export type Change = z.infer<typeof changeSchema>;
export type ChangeOf<K extends Change['kind']> = Extract<Change, { kind: K }>;

const kinds = {
  drainNode: 'drain-node',
  undrainNode: 'undrain-node',
  drainServer: 'drain-server',
  undrainServer: 'undrain-server',
  setPriority: 'set-priority',
  clearPriority: 'clear-priority',
  setWeight: 'set-weight',
  clearWeight: 'clear-weight',
  announce: 'announce',
  zeroCounters: 'zero-counters',
} as const;

/** From the gRPC request, held against the same rules as one over REST. */
export function readChange(change: fleet.StartOperationRequest['change']): Result<Change, string> {
  if (change === undefined) return err('say what to change');
  const parsed = changeSchema.safeParse({ kind: kinds[change.$case], ...change.value });
  if (parsed.success) return ok(parsed.data);
  return err(issueText(parsed.error));
}

/** Real servers are found by text, so an address needs its one spelling. */
export function canonical(change: Change): Change {
  if (change.kind !== 'drain-server' && change.kind !== 'undrain-server') return change;
  const parsed = parseIp(change.address);
  return parsed.ok ? { ...change, address: parsed.value } : change;
}

export function issueText(error: z.ZodError): string {
  return error.issues
    .map((issue) => [issue.path.join('.'), issue.message].filter((text) => text !== '').join(': '))
    .join('; ');
}

export function targetText(change: Change): string {
  switch (change.kind) {
    case 'drain-node':
    case 'undrain-node':
      return change.node;
    case 'drain-server':
    case 'undrain-server':
      return serverText(change);
    case 'set-priority':
    case 'clear-priority':
    case 'announce':
      return `${change.node || 'every node'} ${change.instance}`;
    case 'zero-counters':
      return `${change.node || 'every node'} ${change.service || 'every service'}`;
    case 'set-weight':
    case 'clear-weight':
      return `${change.node || 'every node'} ${change.service} ${change.realServer}`;
  }
}

export function serverText(server: { readonly address: string; readonly port: number }): string {
  if (server.port === 0) return server.address;
  return server.address.includes(':') ? `[${server.address}]:${server.port}` : `${server.address}:${server.port}`;
}

/** The override that the change puts on a node, or takes off it; none where nothing is to stay. */
export function overrideChange(change: Change): model.Override['change'] {
  switch (change.kind) {
    case 'drain-node':
    case 'undrain-node':
      return { $case: 'drainNode', value: {} };
    case 'drain-server':
    case 'undrain-server':
      return { $case: 'drainServer', value: { address: change.address, port: change.port } };
    case 'set-priority':
      return { $case: 'priority', value: { instance: change.instance, priority: change.priority } };
    case 'clear-priority':
      return { $case: 'priority', value: { instance: change.instance, priority: 0 } };
    case 'set-weight': {
      const { service, realServer, weight } = change;
      return { $case: 'weight', value: { service, realServer, weight } };
    }
    case 'clear-weight':
      return { $case: 'weight', value: { service: change.service, realServer: change.realServer, weight: 0 } };
    case 'announce':
    case 'zero-counters':
      return undefined;
  }
}

/** Whether an override changes the same thing, whatever to; the agent's rule for replacing and clearing. */
export function sameTarget(a: model.Override['change'], b: model.Override['change']): boolean {
  return a !== undefined && b !== undefined && target(a) === target(b);
}

function target(change: NonNullable<model.Override['change']>): string {
  switch (change.$case) {
    case 'priority':
    case 'preempt':
    case 'accept':
    case 'promoteSecondaries':
      return `${change.$case} ${change.value.instance}`;
    case 'weight':
      return `weight ${change.value.service} ${change.value.realServer}`;
    case 'drainNode':
      return 'drain';
    case 'drainServer':
      return `drain ${change.value.address} ${change.value.port}`;
  }
}
