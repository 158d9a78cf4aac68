import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, describe, it } from 'vitest';
import { Control, Lab, OurRouter, type Variant, sh } from './vrrp-stand.ts';

// How the kernel runs our vrrp process, as /proc tells it.

const variant: Variant = {
  name: 'version 3 over IPv4',
  version: 3,
  family: 'ipv4',
  advertMs: 200,
  address: '198.51.100.15',
  prefix: 24,
};
const SCHED_RR = 2;

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Our router, once it has its settings. */
async function configured(scheduling: object): Promise<OurRouter> {
  const lab = new Lab();
  closers.push(() => lab.close());
  const router = new OurRouter(lab, variant, 150, {}, { scheduling });
  router.start();
  const link = await Control.connect(router.runDirectory);
  closers.push(() => link.close());
  link.send({ type: 'resume', incarnation: '', after: 0 });
  await link.message('master', ({ snapshot }) => snapshot?.instances[0]?.state === 'master');
  return router;
}

/** Fields of /proc/PID/stat behind the name: field 3 of proc(5) is the first. */
function stat(pid: number, field: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[field - 3]);
}

function status(pid: number, field: string): string | undefined {
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
}

describe('the vrrp process', () => {
  it('runs in real time, with its program in memory, on its processor, by its name', async () => {
    const { pid } = await configured({
      realTime: 10,
      realTimeLimit: 10_000,
      noSwap: true,
      cpus: [0],
      processName: 'our-vrrp',
    });
    assert.equal(stat(pid, 41), SCHED_RR);
    assert.equal(stat(pid, 40), 10);
    assert.equal(status(pid, 'Cpus_allowed_list'), '0');
    assert.equal(status(pid, 'Name'), 'our-vrrp');
    assert.notEqual(status(pid, 'VmLck'), '0 kB');
    assert.match(sh('cat', `/proc/${pid}/limits`), /Max realtime timeout +1000000 +/);
  });

  it('runs with its nice value, and otherwise as any other', async () => {
    const { pid } = await configured({ nice: -5 });
    assert.equal(stat(pid, 19), -5);
    assert.equal(stat(pid, 41), 0);
  });

  it('asks for short turns, so that it gets one when it wakes', async () => {
    const { pid } = await configured({ nice: -5 });
    // Kernels before 6.12 have one slice for all.
    const slice = /^se\.slice\s*:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/sched`, 'utf8'))?.[1];
    if (slice !== undefined) assert.equal(slice, '100000');
    assert.equal(stat(pid, 19), -5);
  });
});
