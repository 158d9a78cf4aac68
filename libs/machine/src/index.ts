/**
 * The shape of every protocol machine (Machine), the two units of time it knows (Instant, Duration), and recording and
 * replay of a run. Call order for a driver: `handle` or `timeout`, carry out the outputs, arm one timer at `nextDeadline`.
 */
export * from './machine.ts';
export * from './record.ts';
export type { Scheduling } from './scheduling.ts';
export * from './time.ts';
