import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentStand } from './agent-stand.ts';

// What a manager has set is kept with who set it: over a reload, the end of one process, and a restart of the whole agent.

const MIB = '1.3.6.1.4.1.9586.100.5';
const PRIORITY = `${MIB}.2.3.1.7.1`;
const PREEMPT = `${MIB}.2.3.1.13.1`;
const AGENT = '192.0.2.1';
const REST = '127.0.0.1:8080';
const KEY = 'correct horse';
const READ = ['-v2c', '-c', 'public', '-t', '5', '-r', '5'];
const BY_COMMUNITY = ['-v2c', '-c', 'private', '-t', '20', '-r', '0'];
const BY_USER = [
  ...['-v3', '-u', 'ops', '-l', 'authPriv', '-a', 'SHA-256', '-A', KEY, '-x', 'AES', '-X', KEY],
  ...['-t', '20', '-r', '0'],
];

const stand = new AgentStand();
let agent: ChildProcess;

/** From the manager's address, 192.0.2.2. */
function manager(program: string, ...words: readonly string[]) {
  const child = stand.inPeer(program, ...words);
  return { code: child.status, text: child.stdout.trim(), all: child.stdout + child.stderr };
}

const value = (name: string) => manager('snmpget', ...READ, '-Oqv', AGENT, name).text;

interface Listed {
  readonly source: string;
  readonly actor: string;
  readonly change: Readonly<Record<string, unknown>>;
}

/** As the controller lists them; undefined while it does not know the node as it is. */
function listed(): readonly Listed[] | undefined {
  const { stdout } = stand.inside('curl', '-sS', `http://${REST}/v1/nodes`);
  if (!stdout.startsWith('{')) return undefined;
  const { nodes } = JSON.parse(stdout) as { nodes: { freshness: string; overrides: Listed[] }[] };
  return nodes[0]?.freshness === 'current' ? nodes[0].overrides : undefined;
}

const actors = () =>
  listed()
    ?.map(({ source, actor }) => `${source}: ${actor}`)
    .sort();

const BOTH = ['snmp: user ops from 192.0.2.2', 'snmp: v2c from 192.0.2.2'];

/** For managers, and for people. */
async function isInForce(when: string): Promise<void> {
  await stand.eventually(`what was set, ${when}`, () => value(PRIORITY) === '120' && value(PREEMPT) === '2');
  await stand.eventually(`who set it, ${when}`, () => JSON.stringify(actors()) === JSON.stringify(BOTH));
}

async function restart(): Promise<void> {
  stand.signalControl('SIGTERM');
  await stand.eventually('it has ended', () => agent.exitCode !== null || agent.signalCode !== null);
  agent = stand.launchAgent();
}

beforeAll(async () => {
  await stand.startNamespace();
  stand.connect();
  stand.file(
    'keepalived.conf',
    'vrrp_instance VI_1 {\n  interface lan0\n  virtual_router_id 51\n  priority 150\n  virtual_ipaddress {\n    192.0.2.100/24\n  }\n}\n',
  );
  stand.file(
    'agent.yaml',
    `node: L1
controller: { addresses: ["127.0.0.1:7443"], plaintext: true }
snmp:
  enabled: false
  standalone:
    listen: ["${AGENT}:161"]
    communities: [{ name: public }, { name: private, access: read-write, from: [192.0.2.2/32] }]
  users:
    - { name: ops, access: read-write, auth: { protocol: SHA-256, password: ${KEY} }, privacy: { protocol: AES, password: ${KEY} } }
`,
  );
  stand.launchController(REST);
  agent = stand.launchAgent();
  await stand.eventually('the agent answers', () => value(PRIORITY) === '150');
  await stand.eventually('the controller knows the node', () => listed()?.length === 0);
});

afterAll(() => stand.close());

describe('what managers set', () => {
  it('is listed with the address that it came from', async () => {
    expect(manager('snmpset', ...BY_COMMUNITY, AGENT, PRIORITY, 'i', '120').all).toContain('120');
    expect(manager('snmpset', ...BY_USER, AGENT, PREEMPT, 'i', '2').all).toContain('2');
    await isInForce('at once');
  });

  it('is kept over a reload', async () => {
    const hash = () => JSON.parse(stand.inside('curl', '-sS', `http://${REST}/v1/nodes`).stdout).nodes[0].configHash;
    const before = hash();
    stand.file(
      'keepalived.conf',
      `${readFileSync(stand.path('keepalived.conf'), 'utf8')}global_defs {\n  router_id R\n}\n`,
    );
    stand.signalControl('SIGHUP');
    await stand.eventually('another configuration', () => hash() !== before);
    await isInForce('after a reload');
  });

  it('is kept when the control process ends, and when the whole agent is killed', async () => {
    stand.signalControl('SIGKILL');
    await stand.eventually('it has ended', () => agent.exitCode !== null || agent.signalCode !== null);
    agent = stand.launchAgent();
    await isInForce('after control was killed');
    for (const role of ['control', 'vrrp', 'lvs'])
      process.kill(Number(readFileSync(stand.path(`run/${role}.pid`), 'utf8')), 'SIGKILL');
    await stand.eventually('it has ended', () => agent.exitCode !== null || agent.signalCode !== null);
    agent = stand.launchAgent();
    await isInForce('after all was killed');
  });

  it('is kept over a restart, and so is that it was taken back', async () => {
    await restart();
    await isInForce('after a restart');
    // What the configuration says anyway is no override.
    expect(manager('snmpset', ...BY_USER, AGENT, PRIORITY, 'i', '150', PREEMPT, 'i', '1').all).toContain('150');
    await stand.eventually('none is listed', () => listed()?.length === 0);
    await restart();
    await stand.eventually('the priority of the file', () => value(PRIORITY) === '150');
    await stand.eventually('none is listed', () => listed()?.length === 0);
    const { stdout } = stand.inside('curl', '-sS', `http://${REST}/v1/events?kind=override&limit=1000`);
    const { events } = JSON.parse(stdout) as { events: { kind: string; attributes: Record<string, string> }[] };
    expect(events.map(({ kind, attributes }) => `${kind} ${attributes['actor']}`)).toEqual([
      'override.set v2c from 192.0.2.2',
      'override.set user ops from 192.0.2.2',
      'override.cleared user ops from 192.0.2.2',
      'override.cleared user ops from 192.0.2.2',
    ]);
  });
});
