import { z } from 'zod';

/** Pieces that many answers share. 64-bit counters become JSON numbers: exact up to 2^53. */
export const time = z.iso.datetime();
export const maybeTime = time.nullable();
export const count = z.number().int();
export const freshnessDto = z.enum(['current', 'stale', 'unknown']).meta({
  id: 'Freshness',
  description: 'current: heard within three heartbeats. stale: the last known, never to be read as the present.',
});
export const healthDto = z.enum(['ok', 'no-master', 'multi-master', 'degraded', 'unknown']).meta({ id: 'Health' });

export function timeText(date: Date | undefined): string | null {
  return date === undefined ? null : date.toISOString();
}
