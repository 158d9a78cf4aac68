import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

// A configuration that is judged for a node by the controller, beside what the agent says on the node itself: asked from a
// namespace with other interfaces, by a controller that looks at none.

const program = (name: string) => fileURLToPath(new URL(`../../../bin/${name}`, import.meta.url));
const node = `kf-cn-node-${process.pid}`;
const away = `kf-cn-away-${process.pid}`;
const deadline = 120_000;
const directory = mkdtempSync(join(tmpdir(), 'kf-cn-'));
const place = (name: string) => join(directory, name);
const children: ChildProcess[] = [];
let said = '';

const CHECKED = `@elsewhere vrrp_instance X {
@here vrrp_instance V {
  interface wan
  virtual_router_id 9
  virtual_ipaddress {
    192.0.2.100/24 dev lan
  }
  track_script {
    S
  }
}
include more.conf
`;
const MORE = `global_defs {
  script_user nobody-of-that-name
}
vrrp_script S {
  script "${directory}/script"
}
`;

beforeAll(async () => {
  for (const name of [node, away]) execFileSync('ip', ['netns', 'add', name]);
  execFileSync('ip', ['-n', node, 'link', 'set', 'lo', 'up']);
  execFileSync('ip', ['-n', node, 'link', 'add', 'lan', 'type', 'bridge']);
  execFileSync('ip', ['-n', away, 'link', 'add', 'wan', 'type', 'bridge']);
  writeFileSync(place('running.conf'), 'global_defs {\n  router_id here\n}\n');
  writeFileSync(place('checked.conf'), CHECKED);
  writeFileSync(place('more.conf'), MORE);
  writeFileSync(place('script'), '#!/bin/sh\n', { mode: 0o644 });
  const yaml =
    'node: L1\nconfigId: here\nsnmp:\n  enabled: false\ncontroller:\n  addresses: ["127.0.0.1:7443"]\n  plaintext: true\n';
  writeFileSync(place('agent.yaml'), yaml);
  start(node, 'keepfleet-controller', [
    ...['--name', 'c1', '--agent-listen', '127.0.0.1:7443', '--insecure-plaintext', '--state-dir', place('controller')],
    ...['--api-listen', `unix:${place('api.sock')}`, '--rest-listen', `unix:${place('rest.sock')}`],
  ]);
  const files = ['--config', place('running.conf'), '--agent-config', place('agent.yaml')];
  start(node, 'keepfleet-agent', [...files, '--run-dir', place('run'), '--state-dir', place('state')]);
  await waitFor(() => fleet('nodes').stdout.includes('"L1"'), {
    deadline,
    what: `the node at the controller: ${said}`,
  });
});

afterAll(() => {
  for (const name of [node, away]) {
    for (const pid of execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).split('\n'))
      if (pid !== '') process.kill(Number(pid), 'SIGKILL');
    execFileSync('ip', ['netns', 'delete', name]);
  }
  rmSync(directory, { recursive: true });
});

interface Judgement {
  readonly usable: boolean;
  readonly diagnostics: readonly { readonly kind: string; readonly message: string; readonly line: number }[];
}

it('is judged by the controller as by the agent on the node', async () => {
  const options = [`--config-test=${place('checked.conf')}`, '--config-id', 'here', '--json'];
  const there = spawnSync('ip', ['netns', 'exec', node, program('keepfleet-agent'), ...options], { encoding: 'utf8' });
  const onNode = JSON.parse(there.stdout) as Judgement;
  let judged: Judgement | undefined;
  await waitFor(
    () => {
      const { stdout } = fleet('config', 'check', place('checked.conf'), '--node', 'L1');
      judged = stdout.startsWith('{') ? (JSON.parse(stdout) as Judgement) : undefined;
      return judged !== undefined;
    },
    { deadline, what: `an answer: ${said}` },
  );
  expect(judged?.diagnostics).toEqual(onNode.diagnostics);
  const kinds = new Set(judged?.diagnostics.map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual(['host-interface', 'host-program', 'host-user']);
  expect(judged?.diagnostics.map(({ message }) => message).join('\n')).toContain('no interface wan');
});

it('is not judged for a node that nobody knows', () => {
  const { status, stderr } = fleet('config', 'check', place('checked.conf'), '--node', 'L9');
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('knows no node L9') as string });
});

function start(namespace: string, name: string, args: readonly string[]): void {
  const child = spawn('ip', ['netns', 'exec', namespace, program(name), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (said = `${said}${text.toString()}`.slice(-4_000)));
  children.push(child);
}

function fleet(...words: readonly string[]) {
  return spawnSync(
    'ip',
    ['netns', 'exec', away, program('keepfleet'), '-o', 'json', '--controller', `unix:${place('api.sock')}`, ...words],
    { encoding: 'utf8', timeout: 60_000 },
  );
}
