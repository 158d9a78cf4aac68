import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import type { LostRequest } from './ipvs-client-main.ts';
import type { GuestStep } from './ipvs-guest.ts';
import type { OurNode } from './ipvs-node.ts';
import { IpvsStand, ip } from './ipvs-stand.ts';

const VIP = '198.51.100.15';

/** Requests that were answered, and the seconds of the one that took longest. */
export interface Load {
  readonly good: number;
  readonly slowest: number;
}

type Role = 'control' | 'vrrp' | 'lvs';

/** The process of a role, or undefined while there is none. */
function pidOf(node: OurNode, role: Role): number | undefined {
  try {
    const pid = Number(readFileSync(join(node.directory, 'run', `${role}.pid`), 'utf8'));
    process.kill(pid, 0);
    return pid;
  } catch {
    // No file, or a process that has ended.
    return undefined;
  }
}

const until = (what: string, condition: () => unknown) =>
  waitFor(() => Boolean(condition()), { deadline: 240_000, what, every: 200 });

const synced = (priority: number) => `
global_defs {
  lvs_sync_daemon eth1 VI_1 id 7
}
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int 1
  virtual_ipaddress {
    ${VIP}/32 dev eth0
    192.168.1.254/24 dev eth1
  }
}
virtual_server ${VIP} 80 {
  lvs_sched rr
  lvs_method NAT
  protocol TCP
  real_server 192.168.1.1 80 {
  }
  real_server 192.168.1.2 80 {
  }
}
`;

async function connectionSurvives(stand: IpvsStand): Promise<void> {
  const daemons = (node: OurNode) => node.run('ipvsadm', '-Ln', '--daemon');
  const first = stand.director(1);
  const second = stand.director(2);
  await first.start(synced(150));
  await until('the first director sends its connections', () =>
    /^master sync daemon .*mcast=eth1, syncid=7/m.test(daemons(first)),
  );
  await second.start(synced(100));
  await until('the second director takes them', () =>
    /^backup sync daemon .*mcast=eth1, syncid=7/m.test(daemons(second)),
  );
  assert.doesNotMatch(daemons(first), /backup/);
  const [server] = await stand.open(VIP, 80, [null]);
  assert.match(server ?? '', /^s[12]$/);
  await until('the connection is known to the second director', () =>
    /ESTABLISHED/.test(second.run('ipvsadm', '-Lnc')),
  );
  // As if the power failed: no hand-over, no goodbye.
  for (const leg of ['eth0', 'eth1']) ip('link', 'set', `d1${leg}`, 'down');
  for (const role of ['control', 'vrrp', 'lvs'] as const) {
    const pid = pidOf(first, role);
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }
  await until('the second director sends now', () => /^master sync daemon/m.test(daemons(second)));
  assert.equal(await stand.tell({ kind: 'again', index: 0 }), server);
}

const check =
  'HTTP_GET {\n      url {\n        path /health\n      }\n      warmup 0\n      retry 0\n      delay_before_retry 1\n    }';
const checkedService = (port: number, more: string) => `
virtual_server ${VIP} ${port} {
  delay_loop 1
  lvs_sched rr
  lvs_method NAT
  protocol TCP
  ${more}
  real_server 192.168.1.1 80 {
    ${check}
  }
  real_server 192.168.1.2 80 {
    ${check}
  }
}
`;
/** Where a server that fails keeps its connections, and where it is taken out. */
const KEPT = 81;
const checked = checkedService(80, '') + checkedService(KEPT, 'inhibit_on_failure');
/** What the kernel has of a service, its second server with this weight or taken out. */
const service = (port: number, second: number | 'out') => [
  `-A -t ${VIP}:${port} -s rr`,
  `-a -t ${VIP}:${port} -r 192.168.1.1:80 -m -w 1`,
  ...(second === 'out' ? [] : [`-a -t ${VIP}:${port} -r 192.168.1.2:80 -m -w ${second}`]),
];
const whole = service(80, 1);
const wholeChecked = [...whole, ...service(KEPT, 1)].sort();
const secondFailed = [...service(80, 'out'), ...service(KEPT, 0)].sort();

async function loadedDirector(stand: IpvsStand, text: string, table: readonly string[] = whole): Promise<OurNode> {
  const node = stand.director(1);
  node.ip('address', 'add', `${VIP}/32`, 'dev', 'eth0');
  node.ip('address', 'add', '192.168.1.254/24', 'dev', 'eth1');
  await node.start(text);
  await until('the whole table', () => node.table().join() === table.join());
  return node;
}

/**
 * With a server that is taken out its connections rest until it is back: of a connection to a destination that is not in its
 * table the kernel drops every packet (expire_nodest_conn). At weight 0 they go on.
 */
async function connectionsOfTheSick(stand: IpvsStand): Promise<void> {
  const node = await loadedDirector(stand, checked, wholeChecked);
  const names = [...(await stand.open(VIP, 80, [null, null])), ...(await stand.open(VIP, KEPT, [null, null]))];
  assert.deepEqual(
    [names.slice(0, 2).sort(), names.slice(2).sort()],
    [
      ['s1', 's2'],
      ['s1', 's2'],
    ],
  );
  const again = async () => {
    const answers: unknown[] = [];
    for (const index of names.keys()) answers.push(await stand.tell({ kind: 'again', index }));
    return answers;
  };
  stand.makeSick(2, true);
  await until('the second server has failed', () => node.table().join() === secondFailed.join());
  assert.deepEqual(
    await again(),
    names.map((name, i) => (name === 's2' && i < 2 ? 'ETIMEDOUT' : name)),
  );
  stand.makeSick(2, false);
  await until('the second server is back', () => node.table().join() === wholeChecked.join());
  assert.deepEqual(await again(), names);
}

/** What is known of lost requests: whether the kernel had a connection of theirs, to which server, and in what state. */
function traced(node: OurNode, lost: readonly LostRequest[]): string[] {
  const connections = lost.length === 0 ? [] : node.run('ipvsadm', '-Lnc').split('\n');
  return lost.map((one) => {
    const own = connections.find((line) => line.includes(`:${one.port} `));
    return `${JSON.stringify(one)}, in the table of connections: ${own ?? 'none'}`;
  });
}

/**
 * Kills `lvs` again and again while a client asks for one page after another. A sick server serves on and keeps its
 * connections, so that no request may be lost: not when it is killed, not while it is away, not when it comes back, and not
 * when it learns that one is sick. The same servers in a service that takes them out show that none is lost or doubled there.
 */
export async function killUnderLoad(
  kills: number,
  random: () => number,
  killed: (count: number) => void,
): Promise<Load> {
  const stand = new IpvsStand([]);
  try {
    const node = await loadedDirector(stand, checked, wholeChecked);
    await stand.tell({ kind: 'load', host: VIP, port: KEPT, on: true });
    let sick = false;
    const lost: string[] = [];
    const look = async () =>
      lost.push(
        ...traced(node, (await stand.tell({ kind: 'lost' })) as LostRequest[]).map(
          (one) => `${one}, table:\n${node.table().join('\n')}`,
        ),
      );
    for (let count = 1; count <= kills; count++) {
      const victim = await waitFor(() => pidOf(node, 'lvs'), { deadline: 240_000, what: 'an lvs process' });
      const at = performance.now() + random() * 1_500;
      await waitFor(() => performance.now() >= at, { deadline: 10_000, what: 'the moment to kill' });
      const before = node.table();
      process.kill(victim, 'SIGKILL');
      assert.deepEqual(node.table(), before, 'the kernel goes on by itself');
      // Every other time something changes while nobody looks.
      if (count % 2 === 0) {
        sick = !sick;
        stand.makeSick(2, sick);
      }
      await until('another lvs process', () => pidOf(node, 'lvs') !== undefined && pidOf(node, 'lvs') !== victim);
      const wanted = sick ? secondFailed : wholeChecked;
      await until('what is so is found out', () => node.table().join() === wanted.join());
      await look();
      killed(count);
    }
    stand.makeSick(2, false);
    await look();
    const { good, slowest } = (await stand.tell({ kind: 'load', on: false })) as Load;
    assert.deepEqual(lost, [], `${good} requests were answered`);
    assert.ok(good > kills, `${good} requests`);
    return { good, slowest };
  } finally {
    await stand.down();
  }
}

const plain = synced(100).slice(synced(100).indexOf('virtual_server'));

/** The modules go while `lvs` is stopped, and it finds neither its family nor its services when it goes on. */
async function moduleGone(stand: IpvsStand): Promise<void> {
  const node = await loadedDirector(stand, plain);
  const pid = pidOf(node, 'lvs') ?? 0;
  process.kill(pid, 'SIGSTOP');
  node.run('ipvsadm', '-C');
  const loaded = () => readFileSync('/proc/modules', 'utf8').match(/^ip_vs \d+ \d+ (\S+)/m);
  const unload = () => {
    const users =
      loaded()?.[1]
        ?.split(',')
        .filter((name) => name.startsWith('ip_vs_')) ?? [];
    try {
      node.run('modprobe', '-d', '/run/modules', '-r', ...users, 'ip_vs');
    } catch {
      // A packet or a timer may hold it for a moment.
    }
    return loaded() === null;
  };
  await until('the module unloaded', unload);
  process.kill(pid, 'SIGCONT');
  await until('the table again', () => loaded() !== null && node.table().join() === whole.join());
  assert.match(node.wholeLog, /ipvs-unavailable|lvs\.available/);
  assert.equal(pidOf(node, 'lvs'), pid);
}

/**
 * The refusals of a service whose scheduler is not there, and of its servers, do not fit into two kilobytes: some are lost,
 * what the kernel has is read anew, and fewer changes are sent at a time. The other service is as it should be.
 */
async function overrun(stand: IpvsStand): Promise<void> {
  const node = await loadedDirector(stand, plain);
  const servers = Array.from({ length: 250 }, (_, i) => `  real_server 10.1.1.${i + 1} 80 {\n  }`).join('\n');
  const refused = `virtual_server 198.51.100.16 80 {\n  lvs_sched nosuch\n  lvs_method NAT\n  protocol TCP\n${servers}\n}\n`;
  const small = 'global_defs {\n  lvs_netlink_cmd_rcv_bufs 2048\n}\n';
  node.reload(`${small}${refused}${plain.replace('lvs_sched rr', 'lvs_sched wlc')}`);
  await until('the service that can be had', () => node.table().includes(`-A -t ${VIP}:80 -s wlc`));
  await until('the refusal', () => /no scheduler nosuch/.test(node.wholeLog));
  assert.match(node.wholeLog, /ENOBUFS/);
  assert.match(node.wholeLog, /ENOENT: this kernel has no scheduler nosuch .*keepalived\.conf:\d+/);
  node.reload(plain);
  await until('the table as before', () => node.table().join() === whole.join());
}

async function inStand(run: (stand: IpvsStand) => Promise<void>): Promise<void> {
  const stand = new IpvsStand([]);
  try {
    await run(stand);
  } finally {
    await stand.down();
  }
}

/** Repeatable numbers from 0 to 1. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export const syncSteps: readonly GuestStep[] = [
  {
    name: 'sync: a connection survives the death of its director, whose peer was sent it',
    run: () => inStand(connectionSurvives),
  },
];

export const killSteps: readonly GuestStep[] = [
  {
    name: 'kill: lvs killed under load loses no request, no server, and learns the verdicts again',
    run: async () => {
      await killUnderLoad(4, seeded(7), () => undefined);
    },
  },
];

export const faultSteps: readonly GuestStep[] = [
  {
    name: 'sick: connections of a server that is taken out rest until it is back, and of one that is inhibited go on',
    run: () => inStand(connectionsOfTheSick),
  },
  { name: 'faults: the module unloaded is reported and recovered from', run: () => inStand(moduleGone) },
  { name: 'faults: a receive buffer that overruns is reported and recovered from', run: () => inStand(overrun) },
];
