import { lanRun } from '../gossip/scenarios.ts';
import type { Soak } from '../soak.ts';

const LARGEST = 1000;

export const soak: Soak = {
  about: 'gossip on a LAN in virtual time: 3 to 1,000 members; loss, pauses, slow and one-way links, partitions, churn',
  count: 1_000,
  unit: 'runs',
  run: async ({ count, seed, progress, signal }) => {
    const settled = new Map<string, number[]>();
    for (let run = 0; run < count && !signal.aborted; run++) {
      const figures = lanRun(seed + run, LARGEST);
      const times = settled.get(figures.scenario) ?? [];
      if (figures.settled !== undefined) times.push(figures.settled);
      settled.set(figures.scenario, times);
      progress(run + 1);
      // Lets a signal be heard.
      if (run % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
    }
    return Object.fromEntries(
      [...settled].map(([scenario, times]) => {
        const sorted = times.sort((a, b) => a - b);
        const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
        return [scenario, `settled after ${at(0.5)} s (median), ${at(1)} s (most)`];
      }),
    );
  },
};
