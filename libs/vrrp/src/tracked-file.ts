import type { TrackerInput } from './messages.ts';

const LARGEST = 0x7fff_ffff;

/** The number on the first line of a tracked file, as strtol with base 0 reads it; without one it is 0. */
export function fileValue(text: string): number {
  const [, sign = '', digits = ''] = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|\d+)/.exec(text) ?? [];
  const octal = /^0([0-7]+)/.exec(digits);
  const value =
    octal !== null && !/^0[xX]/.test(digits) ? parseInt(octal[1] ?? '0', 8) : Number(digits === '' ? 0 : digits);
  const bounded = Math.min(value, LARGEST);
  return sign === '-' && bounded !== 0 ? -bounded : bounded;
}

/** What is told of a file; undefined is one that cannot be read, which counts as 0. */
export function fileReport(name: string, text: string | undefined): TrackerInput {
  const value = text === undefined ? 0 : fileValue(text);
  return { kind: 'tracker', tracker: 'file', name, state: value === 0 ? 'up' : 'down', value };
}
