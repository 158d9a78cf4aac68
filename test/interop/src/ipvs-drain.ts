import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import type { GuestStep } from './ipvs-guest.ts';
import type { OurNode } from './ipvs-node.ts';
import { IpvsStand } from './ipvs-stand.ts';

const VIP = '198.51.100.15';
const PERSISTENT = 8_100;
/** Each of a service of its own, so that nothing but what is closed last holds a drain. */
const [PLAIN, STICKY] = ['192.168.1.1:80', '192.168.1.1:8200'];
const CONTROLLER = join(import.meta.dirname, '../../../apps/controller/dist/main.js');
const CLI = join(import.meta.dirname, '../../../apps/cli/src/main.ts');
const BY_CONTROLLER = ['--controller', '127.0.0.1:7481'];
const REPORTS = "controller:\n  addresses: ['127.0.0.1:7443']\n  plaintext: true\n";

const service = (port: number, serverPort: number, more: string) =>
  `virtual_server ${VIP} ${port} {\n  lvs_sched rr\n  lvs_method NAT\n  protocol TCP\n  ${more}\n${[1, 2]
    .map((last) => `  real_server 192.168.1.${last} ${serverPort} {\n  }\n`)
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
    .filter((line) => line.trim().endsWith(` ${server}`));
  const templates = lines.filter((line) => /^\S+ +\S+ +\S+ +\S+:0 /.test(line)).length;
  const active = lines.filter((line) => / ESTABLISHED /.test(line)).length;
  return `${active} active, ${lines.length - active - templates} inactive, ${templates} persistent`;
}

interface Drain {
  /** Waits until it waits for so many, which the kernel has as well. */
  waitsFor(counts: string): Promise<void>;
  /** Waits for its end, which comes when the kernel has none left. */
  ends(): Promise<void>;
}

function drain(node: OurNode, server: string): Drain {
  let output = '';
  const words = [CLI, ...BY_CONTROLLER, 'drain', 'server', server, '--reason', 'new disk'];
  const command = inside(node, words, (text) => (output += text));
  const isOver = () => command.exitCode !== null || command.signalCode !== null;
  return {
    waitsFor: async (counts) => {
      const found = await waitFor(
        () => {
          const left = connectionsTo(node, server);
          if (isOver()) return `over with ${left}: ${output}`;
          return left === counts && output.trim().split('\n').at(-1)?.includes(`: ${counts}`) ? counts : undefined;
        },
        { deadline: 300_000, what: `${counts} for the drain of ${server}`, every: 300 },
      );
      assert.equal(found, counts);
    },
    ends: async () => {
      const left = await waitFor(
        () => {
          // In this order: what it has not waited for may be gone a moment later.
          const over = isOver();
          const now = connectionsTo(node, server);
          return over ? now : undefined;
        },
        { deadline: 400_000, what: `the end of the drain of ${server}`, every: 500 },
      );
      assert.equal(left, '0 active, 0 inactive, 0 persistent', output);
      assert.equal(command.exitCode, 0, output);
      assert.match(output, /none left/);
    },
  };
}

function inside(node: OurNode, words: readonly string[], said: (text: string) => void) {
  const all = ['netns', 'exec', node.name, process.execPath, ...words];
  const child = spawn('ip', all, { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', said);
  return child;
}

/**
 * Closed by the client a connection rests in TIME_WAIT for two minutes. The template of the persistent service, which has ten
 * seconds, is looked at once a minute while it has a connection.
 */
async function drains(stand: IpvsStand): Promise<void> {
  const node = stand.director(1);
  node.ip('address', 'add', `${VIP}/32`, 'dev', 'eth0');
  node.ip('address', 'add', '192.168.1.254/24', 'dev', 'eth1');
  let said = '';
  const settings = ['--insecure-plaintext', '--state-dir', join(node.directory, 'controller')];
  inside(node, [CONTROLLER, ...settings], (text) => (said += text));
  await node.start(service(80, 80, '') + service(PERSISTENT, 8_200, 'persistence_timeout 10'), REPORTS);
  await waitFor(() => node.table().length === 6, { deadline: 300_000, what: 'the table', every: 300 });
  let seen = '';
  await waitFor(() => (seen = ask(node, [...BY_CONTROLLER, 'services'])).includes(`${VIP}:${PERSISTENT}`), {
    deadline: 120_000,
    what: 'the services at the controller',
    every: 1_000,
  }).catch((cause: unknown) => {
    throw new Error(`${seen}\n${said}\n${node.log}`, { cause });
  });
  const names = [
    ...(await stand.open(VIP, 80, [null, null])),
    ...(await stand.open(VIP, PERSISTENT, ['198.51.100.101', '198.51.100.102'])),
  ];
  assert.deepEqual([names.slice(0, 2).sort().join(), names.slice(2).sort().join()], ['s1,s2', 's1,s2']);

  const [plain, sticky] = [drain(node, PLAIN), drain(node, STICKY)];
  await Promise.all([
    plain.waitsFor('1 active, 0 inactive, 0 persistent'),
    sticky.waitsFor('1 active, 0 inactive, 1 persistent'),
  ]);
  for (const server of [PLAIN, STICKY])
    assert.ok(node.table().some((line) => line.includes(` -r ${server} `) && line.endsWith('-w 0')));
  // They are not cut.
  assert.equal(await stand.tell({ kind: 'again', index: names.indexOf('s1') }), 's1');
  await stand.close();
  await Promise.all([
    plain.waitsFor('0 active, 1 inactive, 0 persistent'),
    sticky.waitsFor('0 active, 1 inactive, 1 persistent'),
  ]);
  assert.match(node.run('ipvsadm', '-Lnc'), new RegExp(` TIME_WAIT .* ${PLAIN}$`, 'm'));
  assert.deepEqual(await stand.open(VIP, 80, [null, null]), ['s2', 's2']);
  await Promise.all([plain.ends(), sticky.waitsFor('0 active, 0 inactive, 1 persistent').then(() => sticky.ends())]);
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
