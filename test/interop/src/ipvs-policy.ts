import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import type { GuestStep } from './ipvs-guest.ts';
import { OurNode, emptyNamespace } from './ipvs-node.ts';
import { IpvsStand } from './ipvs-stand.ts';
import { NetlinkCapture, isReading } from './netlink-capture.ts';

const VIP = '198.51.100.15';
const until = (what: string, condition: () => unknown) =>
  waitFor(() => Boolean(condition()), { deadline: 240_000, what, every: 300 });

const configuration = (globals: string, servers: readonly number[] = [1, 2]) =>
  `global_defs {\n  ${globals}\n}\nvirtual_server ${VIP} 80 {\n  lvs_sched rr\n  lvs_method NAT\n  protocol TCP\n${servers
    .map((last) => `  real_server 192.168.1.${last} 80 {\n  }\n`)
    .join('')}}\n`;
const own = (...servers: readonly number[]) => [
  `-A -t ${VIP}:80 -s rr`,
  ...servers.map((last) => `-a -t ${VIP}:80 -r 192.168.1.${last}:80 -m -w 1`),
];
const FOREIGN = ['-A -t 192.0.2.9:80 -s rr', '-a -t 192.0.2.9:80 -r 192.0.2.1:80 -m -w 1'];

async function someReadings(): Promise<void> {
  const at = performance.now();
  await until('some readings', () => performance.now() > at + 7_000);
}

/** What others do to the table, under each of the policies; each is read for more than once. */
async function policies(): Promise<void> {
  const node = new OurNode('kf-policy');
  const tableIs = (...wanted: readonly string[]) =>
    until(`the table ${wanted.join(', ')}`, () => node.table().join() === [...wanted].sort().join());
  const told = (kind: string) => node.wholeLog.split('\n').filter((line) => line.includes(`"kind":"${kind}"`)).length;
  const heavier = own(1, 2).map((line) => line.replace(/(192\.168\.1\.1:80 -m -w) 1/, '$1 9'));
  const intrude = () => {
    node.run('ipvsadm', '-e', '-t', `${VIP}:80`, '-r', '192.168.1.1:80', '-m', '-w', '9');
    for (const line of FOREIGN) node.run('ipvsadm', ...line.split(' '));
  };
  try {
    await node.start(configuration('lvs_drift report'));
    await tableIs(...own(1, 2));
    intrude();
    await until('a word about both', () => told('drift-found') === 2);
    await someReadings();
    await tableIs(...heavier, ...FOREIGN);
    assert.deepEqual([told('drift-found'), told('drift-repaired')], [2, 0], 'told once, and left');

    node.reload(configuration(''));
    await tableIs(...own(1, 2), ...FOREIGN);
    const before = told('drift-repaired');
    node.run('ipvsadm', '-d', '-t', `${VIP}:80`, '-r', '192.168.1.2:80');
    await until('a word about the repair', () => told('drift-repaired') === before + 1);
    await tableIs(...own(1, 2), ...FOREIGN);

    node.reload(configuration('lvs_foreign remove'));
    await tableIs(...own(1, 2));
    // Without its server: the service may be gone before that comes.
    node.run('ipvsadm', ...(FOREIGN[0] ?? '').split(' '));
    await tableIs(...own(1, 2));
    assert.doesNotMatch(node.wholeLog, /operation-refused/);
  } finally {
    await node.stop();
    await node.remove();
  }
}

/** keepalived dies under load, and the agent takes its table over: it changes nothing there, and no request is lost. */
async function adoption(): Promise<void> {
  const stand = new IpvsStand([]);
  try {
    const node = stand.director(1);
    node.ip('address', 'add', `${VIP}/32`, 'dev', 'eth0');
    node.ip('address', 'add', '192.168.1.254/24', 'dev', 'eth1');
    writeFileSync(node.config, configuration(''));
    const pid = (name: string) => join(node.directory, `${name}.pid`);
    const files = ['-f', node.config, '-p', pid('main'), '-c', pid('checkers')];
    spawn('ip', ['netns', 'exec', node.name, 'keepalived', '-n', '-C', '-G', '-l', ...files], { stdio: 'ignore' });
    await until("keepalived's table", () => node.table().join() === own(1, 2).join());
    const [server] = await stand.open(VIP, 80, [null]);
    await stand.tell({ kind: 'load', host: VIP, port: 80, on: true });
    // The checker process tidies up when its parent dies, and the parent starts another one when that dies.
    const kill = (name: string, signal: NodeJS.Signals) =>
      process.kill(Number(readFileSync(pid(name), 'utf8')), signal);
    kill('main', 'SIGSTOP');
    kill('checkers', 'SIGKILL');
    kill('main', 'SIGKILL');
    await emptyNamespace(node.name);
    assert.deepEqual(node.table(), own(1, 2), 'it could tidy nothing up');

    const capture = await NetlinkCapture.start(node);
    await node.start(configuration(''));
    const kept = join(node.directory, 'run/lvs-services.json');
    await until('the service is its own', () => existsSync(kept) && readFileSync(kept, 'utf8').includes(`${VIP}:80`));
    await someReadings();
    const calls = await capture.stop();
    assert.deepEqual(
      calls.filter((commands) => !commands.every(isReading)),
      [],
      'nothing but questions to the kernel',
    );
    assert.ok(calls.length > 0);
    assert.equal(await stand.tell({ kind: 'again', index: 0 }), server);
    // The service is the agent's from now on.
    node.reload(configuration('', [1]));
    await until('a server less', () => node.table().join() === own(1).join());
    node.reload(configuration('', [1, 2]));
    await until('both again', () => node.table().join() === own(1, 2).join());
    const { good, bad } = (await stand.tell({ kind: 'load', on: false })) as { good: number; bad: string[] };
    assert.deepEqual(bad, [], `${good} requests were answered`);
    assert.ok(good > 0);
    assert.doesNotMatch(node.wholeLog, /drift-/);
  } finally {
    await stand.down();
  }
}

export const policySteps: readonly GuestStep[] = [
  { name: 'policy: what others change is shown, repaired or removed, as the file says', run: policies },
  {
    name: 'adoption: the table of a keepalived that died is taken over under load, and nothing changed',
    run: adoption,
  },
];
