/**
 * What every protocol library needs to read and write bytes: a cursor that never reads short, a growing writer, the
 * Internet checksum, address types with one spelling each, and Result. No I/O, no dependency.
 */
export * from './address.ts';
export * from './checksum.ts';
export * from './reader.ts';
export * from './result.ts';
export * from './text.ts';
export * from './writer.ts';
