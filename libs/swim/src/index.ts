export * from './errors.ts';
export * from './messages.ts';
export * from './settings.ts';
export * from './snapshot.ts';
export type { SwimStats } from './stats.ts';
