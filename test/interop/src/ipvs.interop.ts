import { runInGuest } from '@keepfleet/test-lab';
import { beforeAll, describe, expect, it } from 'vitest';
import { ipvsSteps } from './ipvs-guest.ts';

/** Generous: the machine may be busy, and a guest that is too slow says where it was. */
const GUEST_MS = 900_000;

describe('IPVS on a real kernel', () => {
  const errors = new Map<string, string>();
  let output = '';

  beforeAll(async () => {
    const run = await runInGuest('exec node test/interop/src/ipvs-guest-main.ts', {
      timeout: GUEST_MS,
      megabytes: 768,
    });
    output = run.output;
    for (const line of output.split('\n')) {
      if (!line.startsWith('{')) continue;
      const { name, error } = JSON.parse(line) as { name: string; error: string | null };
      errors.set(name, error ?? '');
    }
  }, GUEST_MS + 10_000);

  it.each(ipvsSteps.map(({ name }) => name))('%s', (name) => {
    expect(errors.get(name) ?? `did not run; output of the guest:\n${output}`).toBe('');
  });
});
