import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import type { GuestStep } from './ipvs-guest.ts';
import type { OurNode } from './ipvs-node.ts';
import { IpvsStand } from './ipvs-stand.ts';

const VIP = '198.51.100.15';
const PERSISTENT = 8_100;
const DRAINED = '192.168.1.1';
const CONTROLLER = join(import.meta.dirname, '../../../apps/controller/dist/main.js');
const CLI = join(import.meta.dirname, '../../../apps/cli/src/main.ts');
const REPORTS = "controller:\n  addresses: ['127.0.0.1:7443']\n  plaintext: true\n";

const service = (port: number, more: string) =>
  `virtual_server ${VIP} ${port} {\n  lvs_sched rr\n  lvs_method NAT\n  protocol TCP\n  ${more}\n${[1, 2]
    .map((last) => `  real_server 192.168.1.${last} 80 {\n  }\n`)
    .join('')}}\n`;

/** What the command says there, whether or not it could do it. */
function ask(node: OurNode, words: readonly string[]): string {
  const all = ['netns', 'exec', node.name, process.execPath, CLI, ...words];
  const { stdout, stderr } = spawnSync('ip', all, { encoding: 'utf8' });
  return stdout + stderr;
}

/** What the kernel's table of connections has of the drained server; a template has no port of its client. */
function connectionsTo(node: OurNode, server: string): string {
  const lines = node
    .run('ipvsadm', '-Lnc')
    .split('\n')
    .filter((line) => line.trim().endsWith(` ${server}:80`));
  const templates = lines.filter((line) => /^\S+ +\S+ +\S+ +\S+:0 /.test(line)).length;
  const active = lines.filter((line) => / ESTABLISHED /.test(line)).length;
  return `${active} active, ${lines.length - active - templates} inactive, ${templates} persistent`;
}

/**
 * Of the drained server one connection is by itself and one by a template. Closed by the client they rest in TIME_WAIT for two
 * minutes, and the template until nothing holds it.
 */
async function drains(stand: IpvsStand): Promise<void> {
  const node = stand.director(1);
  node.ip('address', 'add', `${VIP}/32`, 'dev', 'eth0');
  node.ip('address', 'add', '192.168.1.254/24', 'dev', 'eth1');
  const inside = (...words: readonly string[]) =>
    spawn('ip', ['netns', 'exec', node.name, process.execPath, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  const controller = inside(CONTROLLER, '--insecure-plaintext', '--state-dir', join(node.directory, 'controller'));
  controller.stdout.setEncoding('utf8').on('data', (text: string) => said.push(text));
  controller.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text));
  await node.start(service(80, '') + service(PERSISTENT, 'persistence_timeout 10'), REPORTS);
  const byController = ['--controller', '127.0.0.1:7481'];
  await waitFor(() => node.table().length === 6, { deadline: 300_000, what: 'the table', every: 300 });
  let seen = '';
  await waitFor(() => (seen = ask(node, [...byController, 'services'])).includes(`${VIP}:${PERSISTENT}`), {
    deadline: 120_000,
    what: 'the services at the controller',
    every: 1_000,
  }).catch((cause: unknown) => {
    throw new Error(`${seen}\n${said.join('')}\n${node.log}`, { cause });
  });
  const names = [
    ...(await stand.open(VIP, 80, [null, null])),
    ...(await stand.open(VIP, PERSISTENT, ['198.51.100.101', '198.51.100.102'])),
  ];
  assert.deepEqual([names.slice(0, 2).sort().join(), names.slice(2).sort().join()], ['s1,s2', 's1,s2']);

  let output = '';
  const drain = inside(CLI, ...byController, 'drain', 'server', DRAINED, '--reason', 'new disk');
  for (const stream of [drain.stdout, drain.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const isOver = () => drain.exitCode !== null || drain.signalCode !== null;
  const waitsFor = (counts: string) =>
    waitFor(
      () => {
        // In this order: what it has waited for may be gone a moment later.
        assert.ok(!isOver(), `over with ${connectionsTo(node, DRAINED)}: ${output}`);
        return connectionsTo(node, DRAINED) === counts && output.trim().split('\n').at(-1)?.includes(`: ${counts}`);
      },
      { deadline: 300_000, what: `${counts} for the drain: ${output}`, every: 300 },
    );
  await waitsFor('2 active, 0 inactive, 1 persistent');
  assert.ok(node.table().some((line) => line.includes(`:80 -r ${DRAINED}:80 `) && line.endsWith('-w 0')));
  // They are not cut.
  assert.equal(await stand.tell({ kind: 'again', index: names.indexOf('s1') }), 's1');
  await stand.close();
  await waitsFor('0 active, 2 inactive, 1 persistent');
  assert.match(node.run('ipvsadm', '-Lnc'), new RegExp(` TIME_WAIT .* ${DRAINED}:80$`, 'm'));
  assert.deepEqual(await stand.open(VIP, 80, [null, null]), ['s2', 's2']);
  await waitFor(
    () => {
      const over = isOver();
      const left = connectionsTo(node, DRAINED);
      assert.ok(!over || left === '0 active, 0 inactive, 0 persistent', `over with ${left}: ${output}`);
      return over;
    },
    { deadline: 400_000, what: `the end of the drain: ${output}`, every: 500 },
  );
  assert.equal(drain.exitCode, 0, output);
  assert.match(output, /none left/);
}

export const drainSteps: readonly GuestStep[] = [
  {
    name: 'drain: ends when the last connection to the server is out of TIME_WAIT and the last template is gone, and cuts none',
    run: async () => {
      let stand: IpvsStand | undefined;
      try {
        stand = new IpvsStand([]);
        await drains(stand);
      } finally {
        await stand?.down();
      }
    },
  },
];
