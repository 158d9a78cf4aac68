import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import type { GuestStep } from './ipvs-guest.ts';
import { OurNode } from './ipvs-node.ts';
import { IpvsStand } from './ipvs-stand.ts';

const VIP = '198.51.100.15';

const until = (what: string, condition: () => unknown) =>
  waitFor(() => Boolean(condition()), { deadline: 240_000, what, every: 200 });

const checked = `virtual_server ${VIP} 80 {
  delay_loop 1
  lvs_sched rr
  lvs_method NAT
  protocol TCP
${[1, 2]
  .map(
    (last) => `  real_server 192.168.1.${last} 80 {
    HTTP_GET {
      url {
        path /health
      }
      warmup 0
      retry 0
    }
  }`,
  )
  .join('\n')}
}
`;

/** An application that is drained says so by its health page, and serves the clients that it has until they are gone. */
async function drainedAndSick(stand: IpvsStand): Promise<void> {
  const node = stand.director(1);
  node.ip('address', 'add', `${VIP}/32`, 'dev', 'eth0');
  node.ip('address', 'add', '192.168.1.254/24', 'dev', 'eth1');
  const pool = (first: number | 'out') =>
    [
      `-A -t ${VIP}:80 -s rr`,
      ...(first === 'out' ? [] : [`-a -t ${VIP}:80 -r 192.168.1.1:80 -m -w ${first}`]),
      `-a -t ${VIP}:80 -r 192.168.1.2:80 -m -w 1`,
    ].join();
  await node.start(checked);
  await until('both servers', () => node.table().join() === pool(1));
  const names = await stand.open(VIP, 80, [null, null]);
  assert.deepEqual([...names].sort(), ['s1', 's2']);
  const again = async () => [
    await stand.tell({ kind: 'again', index: 0 }),
    await stand.tell({ kind: 'again', index: 1 }),
  ];
  const withOverrides = async (overrides: readonly unknown[]) => {
    await node.stop('SIGKILL');
    writeFileSync(join(node.directory, 'state/overrides.json'), JSON.stringify({ version: 1, overrides }));
    await node.start(checked);
  };
  await withOverrides([
    {
      id: 'drain',
      source: 'controller',
      actor: 'somebody',
      reason: 'new disk',
      at: new Date().toISOString(),
      change: { kind: 'drain-server', address: '192.168.1.1', port: 0 },
    },
  ]);
  await until('weight 0', () => node.table().join() === pool(0));
  stand.makeSick(1, true);
  await until('the failed check', () => /server\.down|real-server-down/.test(node.wholeLog));
  assert.equal(node.table().join(), pool(0));
  assert.deepEqual(await again(), names);
  await withOverrides([]);
  await until('the sick server is taken out', () => node.table().join() === pool('out'));
  stand.makeSick(1, false);
  await until('it is back', () => node.table().join().length === pool(1).length);
  assert.deepEqual(await again(), names);
}

/** A service each: how the script ends whose weight its server has, what else it has, and the weight. */
const made: readonly (readonly [number, string, number])[] = [
  [2, '', 0],
  [7, '', 5],
  [2, 'inhibit_on_failure', 0],
  // Within a guest's minutes it does not leave its first step.
  [0, 'slow_start 3600', 5],
];

const weighed = (directory: string) => {
  const script = (code: number) =>
    `MISC_CHECK {\n misc_path "/bin/sh -c 'test -e ${directory}/well || exit 1; exit ${code}'"\n misc_dynamic\n }`;
  const services = [
    ...made.map(([code, more]) => [script(code), more] as const),
    ['FILE_CHECK {\n track_file f\n }', ''] as const,
  ];
  return (
    `global_defs {\n script_user root\n}\ntrack_file f {\n file ${directory}/number\n weight 1\n}\n` +
    services
      .map(
        ([check, more], i) =>
          `virtual_server 198.51.100.${i + 1} 80 {\n delay_loop 2\n retry 0\n lvs_sched wrr\n lvs_method NAT\n protocol TCP\n ${more}\n real_server 192.168.1.1 80 {\n weight 50\n ${check}\n }\n}\n`,
      )
      .join('')
  );
};

/** lvs is killed again and again: whatever made the weights, none is another for a moment, and nothing is told as news. */
async function weightsStay(): Promise<void> {
  const node = new OurNode('kf-weights');
  try {
    writeFileSync(join(node.directory, 'number'), '-30\n');
    // What was down comes back by slow_start.
    await node.start(weighed(node.directory));
    const weights = () =>
      [...node.shown().matchAll(/-> \S+ +Masq +(\d+)/g)]
        .map(([, weight]) => Number(weight))
        .sort((a, b) => a - b)
        .join();
    await until('all down but for the inhibited one', () => weights() === '0,20');
    writeFileSync(join(node.directory, 'well'), '');
    const wanted = [...made.map(([, , weight]) => weight), 20].sort((a, b) => a - b).join();
    await until(`the weights ${wanted}`, () => weights() === wanted).catch((cause: unknown) => {
      throw new Error(`${weights()}\n${node.log}`, { cause });
    });
    const pid = () => Number(readFileSync(join(node.directory, 'run/lvs.pid'), 'utf8'));
    for (let count = 1; count <= 2; count++) {
      const told = node.wholeLog.length;
      const victim = pid();
      process.kill(victim, 'SIGKILL');
      await until('another lvs process', () => pid() !== victim);
      const seen = new Set<string>();
      const end = performance.now() + 20_000;
      await waitFor(() => seen.add(weights()) && performance.now() > end, {
        deadline: 60_000,
        what: '20 s',
        every: 20,
      });
      assert.deepEqual([...seen], [wanted]);
      // Of the inhibited server with weight 0 alone nobody knows whether it was up.
      assert.doesNotMatch(
        node.wholeLog.slice(told),
        /quorum-|weight-changed|drift-|real-server-down|changed in the configuration/,
      );
    }
    await node.stop();
    assert.deepEqual(node.table(), []);
  } finally {
    await node.remove();
  }
}

/** The agent is stopped while lvs is between two starts. */
async function stoppedBetween(): Promise<void> {
  const node = new OurNode('kf-between');
  try {
    writeFileSync(join(node.directory, 'number'), '0\n');
    await node.start(weighed(node.directory));
    const pid = () => Number(readFileSync(join(node.directory, 'run/lvs.pid'), 'utf8'));
    const table = () => node.table();
    await until('the table', () => table().length > made.length);
    // Each end makes the time to the next start longer.
    for (let count = 1; count <= 3; count++) {
      const victim = pid();
      process.kill(victim, 'SIGKILL');
      if (count < 3) await until('another lvs process', () => pid() !== victim);
    }
    await node.stop();
    assert.deepEqual(table(), [], node.log);
    assert.match(node.wholeLog, /was killed before it had removed its services/);
  } finally {
    await node.remove();
  }
}

async function inStand(run: (stand: IpvsStand) => Promise<void>): Promise<void> {
  const stand = new IpvsStand([]);
  try {
    await run(stand);
  } finally {
    await stand.down();
  }
}

export const adoptionSteps: readonly GuestStep[] = [
  {
    name: 'adoption: no weight that something makes is another for a killed lvs, and nothing is news',
    run: weightsStay,
  },
  { name: 'stop: nothing is left by an lvs process that was killed before and is away', run: stoppedBetween },
  {
    name: 'drain: a server whose check fails keeps its connections until the drain ends',
    run: () => inStand(drainedAndSick),
  },
];
