import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import type { GuestStep } from './ipvs-guest.ts';
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
    name: 'drain: a server whose check fails keeps its connections until the drain ends',
    run: () => inStand(drainedAndSick),
  },
];
