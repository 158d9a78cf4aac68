import { runInGuest, usableCpus } from '@keepfleet/test-lab';
import { beforeAll, describe, expect, it } from 'vitest';
import { ipvsGuests } from './ipvs-guest.ts';

interface Outcome {
  readonly name: string;
  readonly error: string | null;
}

/** A test for each step. `npm run soak -- ipvs-guest` has the faults as well. */
describe('the agent on a kernel with IPVS', () => {
  const outcomes = new Map<string, Outcome>();
  let output = '';

  beforeAll(async () => {
    const cpus = usableCpus();
    const runs = ipvsGuests.map((_, guest) =>
      runInGuest(`exec node test/interop/src/ipvs-guest-main.ts ${guest}`, {
        timeout: 1_150_000,
        megabytes: 768,
        cpu: cpus[guest % cpus.length] ?? 0,
      }),
    );
    // What one has found out counts although the other was late.
    for (const run of await Promise.allSettled(runs))
      output += run.status === 'fulfilled' ? run.value.output : String(run.reason);
    for (const line of output.split('\n')) {
      if (!line.startsWith('{"name"')) continue;
      const outcome = JSON.parse(line) as Outcome;
      outcomes.set(outcome.name, outcome);
    }
  }, 1_200_000);

  it.each(ipvsGuests.flat().map(({ name }) => name))('%s', (name) => {
    const outcome = outcomes.get(name) ?? { error: `did not run; output of the guests:\n${output}` };
    expect(outcome.error ?? '').toBe('');
  });
});
