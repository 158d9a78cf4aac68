/**
 * What the tests of several libraries need: a virtual LAN in virtual time for machines (seeded loss, delay, duplication,
 * partition), seeded randomness, and waiting for a condition in live tests.
 */
export * from './agenda.ts';
export * from './conformance.ts';
export * from './fuzz.ts';
export * from './lan.ts';
export * from './lines.ts';
export * from './mib-rows.ts';
export * from './random.ts';
export * from './wait.ts';
