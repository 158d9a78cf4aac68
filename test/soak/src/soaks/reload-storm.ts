import { runInGuest } from '@keepfleet/test-lab';
import type { Soak } from '../soak.ts';

/** A guest is started anew for so many, so that progress is told and an interruption is not long in coming. */
const ROUNDS_A_GUEST = 50;
const MS_A_ROUND = 20_000;
const MS_TO_START = 120_000;
/** A guest that the machine left no time says nothing of reloads, and its rounds are made again; so often in a row. */
const MOST_STILL = 3;

export const soak: Soak = {
  about: 'reloads with random edits under client load, beside a keepalived that would take over',
  count: 1_000,
  unit: 'reloads',
  run: async ({ count, seed, progress, signal }) => {
    let [done, requests, refused, still, stillInAll] = [0, 0, 0, 0, 0];
    for (let guest = 0; done < count && !signal.aborted; guest++) {
      const rounds = Math.min(ROUNDS_A_GUEST, count - done);
      const script = `exec node test/interop/src/reload-storm.ts ${rounds} ${seed + guest}`;
      const run = await runInGuest(script, { timeout: MS_TO_START + rounds * MS_A_ROUND });
      const last = run.output.trim().split('\n').at(-1) ?? '';
      const result = (last.startsWith('{') ? JSON.parse(last) : { done: false }) as Record<string, unknown>;
      if (String(result['error']).includes('the guest stood still') && still++ < MOST_STILL) {
        stillInAll++;
        guest--;
        continue;
      }
      if (result['done'] !== true)
        throw new Error(
          `seed ${seed + guest}, within ${rounds} reloads: ${String(result['error'] ?? 'no word of the end')}\n${run.output.slice(-4_000)}`,
        );
      still = 0;
      done += rounds;
      requests += Number(result['requests']);
      refused += Number(result['refused']);
      progress(done);
    }
    return { requests, 'lost requests': 0, 'refused files': refused, 'guests that stood still': stillInAll };
  },
};
