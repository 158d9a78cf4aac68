import assert from 'node:assert/strict';
import { waitFor } from '@keepfleet/testkit';
import type { GuestStep } from './ipvs-guest.ts';
import { OurNode } from './ipvs-node.ts';
import { NetlinkCapture, isReading } from './netlink-capture.ts';

const SERVERS = 40;
const VIPS = ['198.51.100.15', '198.51.100.16'];

/** Weights of the servers of the first service, by their number; the second has all of them with weight 1. */
type Weights = ReadonlyMap<number, number>;

const ones: Weights = new Map(Array.from({ length: SERVERS }, (_, i) => [i + 1, 1]));

function pools(weights: Weights): { vip: string; servers: Weights }[] {
  return VIPS.map((vip, i) => ({ vip, servers: i === 0 ? weights : ones }));
}

function configuration(weights: Weights): string {
  return pools(weights)
    .map(({ vip, servers }) => {
      const real = [...servers].map(
        ([number, weight]) => `  real_server 10.1.1.${number} 80 {\n    weight ${weight}\n  }\n`,
      );
      return `virtual_server ${vip} 80 {\n  lvs_sched wrr\n  lvs_method NAT\n  protocol TCP\n${real.join('')}}\n`;
    })
    .join('');
}

function expected(weights: Weights): string[] {
  return pools(weights)
    .flatMap(({ vip, servers }) => [
      `-A -t ${vip}:80 -s wrr`,
      ...[...servers].map(([number, weight]) => `-a -t ${vip}:80 -r 10.1.1.${number}:80 -m -w ${weight}`),
    ])
    .sort();
}

const hasTable = (node: OurNode, weights: Weights) =>
  waitFor(() => node.table().join() === expected(weights).join(), {
    deadline: 240_000,
    what: 'the table that is configured',
    every: 200,
  });

/** IPVS_CMD_* of linux/ip_vs.h. */
const [GET_SERVICE, NEW_DESTINATION, SET_DESTINATION, DELETE_DESTINATION] = [4, 5, 6, 7];

/** What goes to the kernel, as a monitor of netlink sees it, while one thing after another is changed in the file. */
async function oneMessage(): Promise<void> {
  const node = new OurNode('kf-change');
  try {
    await node.start(configuration(ones));
    await hasTable(node, ones);
    const capture = await NetlinkCapture.start(node);
    const heavier = new Map(ones).set(7, 5);
    const fewer = new Map([...heavier].filter(([number]) => number !== SERVERS));
    for (const weights of [heavier, fewer, heavier]) {
      node.reload(configuration(weights));
      await hasTable(node, weights);
    }
    const calls = await capture.stop();
    assert.deepEqual(
      calls.filter((commands) => !commands.every(isReading)),
      [[SET_DESTINATION], [DELETE_DESTINATION], [NEW_DESTINATION]],
      'each change is one message, alone in its system call',
    );
    assert.ok(
      calls.some(([command]) => command === GET_SERVICE),
      'the monitor sees messages',
    );

    // Somebody empties the table, and before it is read again a server of it gets another weight.
    node.run('ipvsadm', '-C');
    node.reload(configuration(ones));
    await hasTable(node, ones);
    assert.match(node.wholeLog, /drift-repaired/);
    assert.doesNotMatch(node.wholeLog, /operation-refused/);
  } finally {
    await node.stop();
    await node.remove();
  }
}

export const changeSteps: readonly GuestStep[] = [
  { name: 'changes: one is one message, and none is refused because of an emptied table', run: oneMessage },
];
