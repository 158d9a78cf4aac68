import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { notifyingRows } from '@keepfleet/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  INFORMS,
  KEEPALIVED_MIB,
  RECEIVERS,
  TRAPD_WORDS,
  WAYS,
  receivedBy,
  snmpdSinks,
  trapdConf,
  trapdListens,
} from './snmp-receiver.ts';
import { AgentProcess, SnmpdStand, until } from './snmpd.ts';

const QUEUE = 256;
const STATE_CHANGE = `${KEEPALIVED_MIB}.2.10.0.2`;

const stand = new SnmpdStand();
const log = join(stand.directory, 'traps');
const yaml = join(stand.directory, 'agent.yaml');
const engineFile = join(stand.directory, 'engine.json');
let agent: AgentProcess;
let trapd: ChildProcess | undefined;

const VS = 'tcp/198.51.100.15:80';
const target = ['3.3.1.2.1 = 2', '3.3.1.5.1 = 1', '3.3.1.6.1 = C6 33 64 0F', '3.3.1.7.1 = 80', '3.3.1.8.1 = 1'];
const counts = ['3.3.1.21.1 = 4', '3.3.1.20.1 = 4'];
const routerId = '1.2.0 = "L1"';

/** Each notification of the three MIBs, and its variables without snmpTrapOID as they have to arrive. */
const NOTIFICATIONS: readonly { readonly told: object; readonly oid: string; readonly variables: readonly string[] }[] =
  [
    {
      told: { kind: 'sync-group-state', group: 'G', state: 'backup' },
      oid: `${KEEPALIVED_MIB}.2.10.0.1`,
      variables: ['2.1.1.2.1 = "G"', '2.1.1.3.1 = 1', routerId],
    },
    {
      told: { kind: 'instance-state', instance: 'VI_1', state: 'fault' },
      oid: `${KEEPALIVED_MIB}.2.10.0.2`,
      variables: ['2.3.1.2.1 = "VI_1"', '2.3.1.4.1 = 3', '2.3.1.5.1 = 2', routerId],
    },
    {
      told: { kind: 'real-server-state', virtualServer: VS, realServer: '192.168.1.11:80', up: false },
      oid: `${KEEPALIVED_MIB}.3.5.0.1`,
      variables: [
        '3.4.1.3.1.2 = 1',
        '3.4.1.4.1.2 = C0 A8 01 0B',
        '3.4.1.5.1.2 = 80',
        '3.4.1.6.1.2 = 2',
        ...target,
        ...counts,
        routerId,
      ],
    },
    {
      told: { kind: 'quorum-state', virtualServer: VS, state: 'notMet' },
      oid: `${KEEPALIVED_MIB}.3.5.0.2`,
      variables: [...target, '3.3.1.23.1 = 2', '3.3.1.22.1 = 1', ...counts, routerId],
    },
    {
      told: { kind: 'new-master-v2', instance: 'VI_1' },
      oid: '1.3.6.1.2.1.68.0.1',
      variables: ['1.3.6.1.2.1.68.1.3.1.7.2.1 = 198.51.100.1'],
    },
    {
      told: { kind: 'auth-failure', instance: 'VI_1', source: '198.51.100.9', error: 'authFailure' },
      oid: '1.3.6.1.2.1.68.0.2',
      variables: ['1.3.6.1.2.1.68.1.5.2.1 = 198.51.100.9', '1.3.6.1.2.1.68.1.6.2.1 = 3'],
    },
    {
      told: { kind: 'new-master-v3', instance: 'VI_1', reason: 'preempted' },
      oid: '1.3.6.1.2.1.207.0.1',
      variables: ['1.3.6.1.2.1.207.1.1.1.1.3.2.1.1 = C6 33 64 01', '1.3.6.1.2.1.207.1.2.5.1.2.2.1.1 = 2'],
    },
    {
      told: { kind: 'protocol-error', instance: 'VI_1', error: 'ipTtlError' },
      oid: '1.3.6.1.2.1.207.0.2',
      variables: ['1.3.6.1.2.1.207.1.2.5.1.6.2.1.1 = 1'],
    },
  ];

beforeAll(async () => {
  await stand.start(snmpdSinks());
  writeFileSync(yaml, RECEIVERS);
  agent = new AgentProcess(`unix:${stand.socket}`, stand.namespace, yaml, engineFile);
  agent.rows(notifyingRows());
  await agent.serving();
});

afterAll(async () => {
  await agent.close();
  if (trapd !== undefined) {
    const ended = once(trapd, 'exit');
    trapd.kill('SIGKILL');
    await ended;
  }
  await stand.close();
});

function startTrapd(): void {
  const conf = join(stand.directory, 'snmptrapd.conf');
  const { engineId } = JSON.parse(readFileSync(engineFile, 'utf8')) as { engineId: string };
  writeFileSync(conf, trapdConf(engineId));
  const words = ['-f', '-C', '-c', conf, '-Lf', log, ...TRAPD_WORDS];
  trapd = spawn('ip', ['netns', 'exec', stand.namespace, 'snmptrapd', ...words], {
    stdio: 'ignore',
    env: { ...process.env, MIBS: '', SNMP_PERSISTENT_DIR: join(stand.directory, 'trapd') },
  });
}

const received = () => receivedBy(log);

const arrived = (count: number) =>
  until(
    `${count} notifications have come by each way`,
    async () => ([...received().values()].every((list) => list.length >= count) ? true : undefined),
    60_000,
  ).catch(() => undefined);

describe('the eight notifications', () => {
  it('come once, in order and with their variables, by snmpd and by ourselves, as traps and informs of v2c and v3', async () => {
    startTrapd();
    await until('snmptrapd listens', async () =>
      existsSync(log) && trapdListens(readFileSync(log, 'utf8')) ? true : undefined,
    );
    for (const { told } of NOTIFICATIONS) agent.notify(told);
    await arrived(NOTIFICATIONS.length);
    const expected = NOTIFICATIONS.map(({ oid, variables }) => [`1.3.6.1.6.3.1.1.4.1.0 = .${oid}`, ...variables]);
    expect(Object.fromEntries(received())).toEqual(Object.fromEntries(WAYS.map((way) => [way, expected])));
  });

  it('wait for an snmpd that is away, the last 256 of them', async () => {
    await stand.stopSnmpd('SIGKILL');
    await until('the agent has noticed', async () =>
      (await agent.status()).status.state === 'serving' ? undefined : true,
    );
    for (let i = 0; i < QUEUE + 44; i++) agent.notify({ kind: 'instance-state', instance: 'VI_1', state: 'backup' });
    const { status } = await agent.status();
    expect(status.notificationsQueued).toBe(QUEUE);
    expect(status.counters.notificationsDropped).toBe(44);
    await stand.startSnmpd();
    await until(
      'snmpd has taken them',
      async () => ((await agent.status()).status.notificationsQueued === 0 ? true : undefined),
      60_000,
    );
    // Traps that come all at once may be lost on their way from snmpd; informs are sent again.
    const informed = () =>
      received()
        .get(INFORMS)
        ?.filter(([first]) => first?.endsWith(STATE_CHANGE)).length ?? 0;
    await until('they have arrived', async () => (informed() > QUEUE ? true : undefined), 60_000).catch(
      () => undefined,
    );
    // With the one before.
    expect(informed()).toBe(QUEUE + 1);
  });
});
