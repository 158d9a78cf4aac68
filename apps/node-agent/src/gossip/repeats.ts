import type { SwimProblem } from '@keepfleet/swim';

/** How long the same problem is not told again, milliseconds. */
const SILENCE = 60_000;
/** Most problems told apart; beyond, a flood of different ones is told as it comes only after the silence. */
const MAX_KEPT = 256;

/** Keeps a problem that comes with every packet from being told with every packet. */
export class Repeats {
  readonly #told = new Map<string, number>();

  isNews(key: string, now: number): boolean {
    const last = this.#told.get(key);
    if (last !== undefined && now - last < SILENCE) return false;
    if (last === undefined && this.#told.size >= MAX_KEPT) {
      for (const [old, at] of this.#told) if (now - at >= SILENCE) this.#told.delete(old);
      if (this.#told.size >= MAX_KEPT) return false;
    }
    this.#told.set(key, now);
    return true;
  }
}

/** Problems of one key are the same to an operator. */
export function problemKey(problem: SwimProblem): string {
  switch (problem.kind) {
    case 'dropped':
      return `dropped ${problem.from.address} ${problem.error.kind}`;
    case 'unreachable':
      return `unreachable ${problem.at.address} ${problem.at.port}`;
    case 'name-conflict':
      return `name-conflict ${problem.name} ${problem.claimed.address}`;
    case 'udp-blocked':
      return `udp-blocked ${problem.name}`;
    case 'accused':
      return `accused ${problem.by} ${problem.of}`;
    case 'name-lost':
    case 'name-kept':
      return `${problem.kind} ${problem.name}`;
    case 'moved':
      return `moved ${problem.name} ${problem.to.address} ${problem.to.port}`;
    case 'stalled':
      return 'stalled';
    case 'oversized':
      return `oversized ${problem.what} ${problem.bytes}`;
  }
}
