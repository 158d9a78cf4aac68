import { runInGuest } from '@keepfleet/test-lab';
import type { Soak } from '../soak.ts';

/** A kill costs about as long as the control process waits until it starts `lvs` again: up to 10 s for one after another. */
const MS_FOR_A_KILL = 40_000;
const MS_TO_START = 300_000;

export const soak: Soak = {
  about: 'kill -9 of lvs under load at random moments, in a guest whose kernel has IPVS',
  count: 200,
  unit: 'kills',
  run: async ({ count, seed, progress }) => {
    let done = 0;
    const { code, output } = await runInGuest(`exec node test/interop/src/ipvs-kill-main.ts ${count} ${seed}`, {
      timeout: MS_TO_START + count * MS_FOR_A_KILL,
      megabytes: 768,
      progress: (printed) => {
        const now = printed.match(/^\{"killed":\d+\}$/gm)?.length ?? 0;
        if (now > done) progress((done = now));
      },
    });
    const [, requests, slowest] = /"requests":(\d+),"slowest":([\d.]+)/.exec(output) ?? [];
    if (code !== 0 || requests === undefined)
      throw new Error(`seed ${seed}: the guest ended with ${code}:\n${output.slice(-4_000)}`);
    progress(count);
    return { 'requests answered': Number(requests), 'requests lost': 0, 'slowest (s)': Number(slowest) };
  },
};
