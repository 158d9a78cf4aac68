import { runInGuest, usableCpus } from '@keepfleet/test-lab';
import type { Soak } from '../soak.ts';

const MS_FOR_ALL = 1_800_000;

export const soak: Soak = {
  about: 'IPVS in a guest: tables beside keepalived, traffic, connection synchronisation, kills, faults, a drain',
  count: 1,
  unit: 'times three guests',
  run: async ({ count, progress }) => {
    const seconds: Record<string, number> = {};
    for (let done = 1; done <= count; done++) {
      const cpus = usableCpus();
      const runs = await Promise.all(
        // Tables and synchronisation, traffic and kills, faults and a drain: three guests.
        [0, 1, 2].map((guest) =>
          runInGuest(`exec node test/interop/src/ipvs-guest-main.ts ${guest}`, {
            timeout: MS_FOR_ALL,
            megabytes: 768,
            cpu: cpus[guest % cpus.length] ?? 0,
          }),
        ),
      );
      const code = runs.find((run) => run.code !== 0)?.code ?? 0;
      const output = runs.map((run) => run.output).join('\n');
      const steps = output
        .split('\n')
        .flatMap((line) =>
          line.startsWith('{"name"')
            ? [JSON.parse(line) as { name: string; error: string | null; seconds: number }]
            : [],
        );
      const failed = steps.filter(({ error }) => error !== null);
      if (code !== 0 || steps.length === 0 || failed.length > 0)
        throw new Error(
          `the guest ended with ${code}; ${failed.length} of ${steps.length} steps failed:\n${failed
            .map(({ name, error }) => `${name}: ${error ?? ''}`)
            .join('\n')}\n${steps.length === 0 ? output : ''}`,
        );
      for (const { name, seconds: took } of steps) seconds[`${name.split(':')[0] ?? name} (s)`] = took;
      progress(done);
    }
    return seconds;
  },
};
