import { lanRun } from '@keepfleet/vrrp/test/lan-run';
import type { Soak } from '../soak.ts';

export const soak: Soak = {
  about: 'VRRP nodes on a LAN where everything goes wrong, and their invariants',
  count: 10_000,
  unit: 'runs',
  run: async ({ count, seed, signal, progress }) => {
    let [done, routers, takeovers] = [0, 0, 0];
    for (; done < count && !signal.aborted; done++) {
      const at = seed + done;
      try {
        const figures = lanRun(at);
        routers += figures.nodes * figures.routers;
        takeovers += figures.takeovers;
      } catch (cause) {
        throw new Error(`replay it by: npm run soak -- vrrp-lan --seed ${at} --rounds 1`, { cause });
      }
      progress(done + 1);
      // Signals are heard between the runs.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { 'virtual routers': routers, takeovers };
  },
};
