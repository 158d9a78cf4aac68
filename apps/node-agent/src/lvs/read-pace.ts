/** Between two readings of the kernel's table: what others change is seen as soon. */
export const READ_EVERY_MS = 2_000;
/** A table of tens of thousands of servers is read less often, so that reading takes no more than this part of the time. */
const READ_SHARE = 1 / 20;
/** However young statistics are to be, reading leaves half of the time to everything else. */
const LARGEST_SHARE = 1 / 2;
const SHORTEST_MS = 100;

/** Milliseconds until the next reading, after one that took so long, of statistics that may get so old. */
export function readPause(tookMs: number, ageMs: number): number {
  const pause = Math.min(Math.max(READ_EVERY_MS, tookMs / READ_SHARE), ageMs - tookMs);
  return Math.max(pause, tookMs / LARGEST_SHARE, SHORTEST_MS);
}
