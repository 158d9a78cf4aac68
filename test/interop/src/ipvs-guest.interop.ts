import { runInGuest } from '@keepfleet/test-lab';
import { beforeAll, describe, expect, it } from 'vitest';
import { ipvsSteps } from './ipvs-guest.ts';

interface Outcome {
  readonly name: string;
  readonly error: string | null;
}

/** What `npm run soak -- ipvs-guest` does once, a test for each step. */
describe('the agent on a kernel with IPVS', () => {
  const outcomes = new Map<string, Outcome>();
  let output = '';

  beforeAll(async () => {
    const run = await runInGuest('exec node test/interop/src/ipvs-guest-main.ts', {
      timeout: 1_700_000,
      megabytes: 768,
    });
    output = run.output;
    for (const line of output.split('\n')) {
      if (!line.startsWith('{"name"')) continue;
      const outcome = JSON.parse(line) as Outcome;
      outcomes.set(outcome.name, outcome);
    }
  }, 1_800_000);

  it.each(ipvsSteps.map(({ name }) => name))('%s', (name) => {
    const outcome = outcomes.get(name) ?? { error: `did not run; output of the guest:\n${output}` };
    expect(outcome.error ?? '').toBe('');
  });
});
