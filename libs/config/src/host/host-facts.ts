import { z } from 'zod';

const program = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('missing') }),
  z.strictObject({ state: z.literal('not-executable'), path: z.string() }),
  z.strictObject({
    state: z.literal('executable'),
    path: z.string(),
    /** The part of its path that others than root may write, if there is one. */
    writableByOthers: z.string().optional(),
  }),
]);

/**
 * What a configuration may ask of the node it runs on. A node gathers it, and whoever has it can check a configuration
 * for that node from elsewhere. Nothing is said of a kind that is missing; a name that is missing among those of its kind
 * was not looked up, and that is said.
 */
export const hostFactsSchema = z.strictObject({
  interfaces: z.array(z.strictObject({ name: z.string(), loopback: z.boolean() })).optional(),
  users: z.record(z.string(), z.boolean()).optional(),
  groups: z.record(z.string(), z.boolean()).optional(),
  /** By the name that a command begins with. */
  programs: z.record(z.string(), program).optional(),
});

export type HostFacts = z.infer<typeof hostFactsSchema>;
export type ProgramFact = z.infer<typeof program>;
