import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInGuest } from '@keepfleet/test-lab';
import { beforeAll, describe, expect, it } from 'vitest';
import { LvsAgent } from './lvs-agent.ts';
import { besideKeepalived } from './lvs-keepalived.ts';
import { lifecycle } from './lvs-lifecycle.ts';
import { steps } from './lvs-scenario.ts';

interface Outcome {
  readonly name: string;
  readonly error: string | null;
  readonly log: readonly string[];
}

describe('the lvs process on a kernel with IPVS', () => {
  const outcomes = new Map<string, Outcome>();
  let output = '';

  beforeAll(async () => {
    const run = await runInGuest('exec node test/interop/src/lvs-guest.ts', { timeout: 1_150_000 });
    output = run.output;
    for (const line of output.split('\n')) {
      if (!line.startsWith('{')) continue;
      const outcome = JSON.parse(line) as Outcome;
      outcomes.set(outcome.name, outcome);
    }
  }, 1_200_000);

  it.each([...lifecycle, ...steps, besideKeepalived].map(({ name }) => name))('%s', (name) => {
    const outcome = outcomes.get(name) ?? { error: `did not run; output of the guest:\n${output}`, log: [] };
    expect([outcome.error, ...outcome.log].join('\n')).toBe('');
  });
});

describe.skipIf(existsSync('/proc/net/ip_vs'))('the lvs process on a kernel without IPVS', () => {
  it('lives, and says what is missing and what to do', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kf-lvs-'));
    const agent = new LvsAgent(directory);
    try {
      await agent.start();
      const answer = await agent.configure({ groups: [], virtualServers: [] });
      expect(answer.type).toBe('applied');
      await agent.seen('unavailable', ({ available }) => !available);
      expect(agent.snapshot?.reason).toMatch(/no IPVS.*CONFIG_IP_VS/);
      expect(agent.events.map(({ kind }) => kind)).toEqual(['ipvs-unavailable']);
      expect(await agent.command({ kind: 'connections', address: '192.168.1.10' })).toMatchObject({ ok: false });
      expect(agent.running).toBe(true);
    } finally {
      await agent.kill('SIGTERM');
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
