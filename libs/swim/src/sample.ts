import type { RandomSource } from '@keepfleet/machine';

/** Up to `count` different items in random order. */
export function sample<T>(items: readonly T[], count: number, random: RandomSource): T[] {
  const pool = [...items];
  const chosen: T[] = [];
  while (chosen.length < count && pool.length > 0) {
    const at = Math.floor(random() * pool.length);
    const item = pool[at];
    const last = pool.pop();
    if (item === undefined || last === undefined) break;
    if (at < pool.length) pool[at] = last;
    chosen.push(item);
  }
  return chosen;
}
