import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LvsAgent } from './lvs-agent.ts';
import { realServer, tcpCheck, virtualServer } from './lvs-settings.ts';

const NAMESPACE = `kf-checks-${process.pid}`;
const DEADLINE = 90_000;
const SERVER = '127.0.0.1';
const ip = (...words: string[]) => execFileSync('ip', ['-n', NAMESPACE, ...words]);
const within = ['ip', 'netns', 'exec', NAMESPACE];

/** Needs no IPVS: what is checked, and what comes of it, is the same without. */
describe('the checks of the lvs process', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kf-checks-'));
  const heard: string[] = [];
  let listener: ChildProcess;
  let agent: LvsAgent | undefined;

  beforeAll(() => {
    execFileSync('ip', ['netns', 'add', NAMESPACE]);
    ip('link', 'set', 'lo', 'up');
    const [program = '', ...args] = [...within, process.execPath, join(import.meta.dirname, 'checks-listener.ts')];
    listener = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (listener.stdout) createInterface(listener.stdout).on('line', (line) => heard.push(line));
  });
  afterEach(async () => {
    if (agent?.running === true) await agent.kill('SIGTERM');
  });
  afterAll(async () => {
    listener.kill('SIGKILL');
    await once(listener, 'exit');
    execFileSync('ip', ['netns', 'delete', NAMESPACE]);
    rmSync(directory, { recursive: true });
  });

  const hear = (line: string, times = 1) =>
    waitFor(() => heard.filter((one) => one === line).length >= times, {
      deadline: DEADLINE,
      what: `${times} × ${line}`,
    });
  const count = (line: string) => heard.filter((one) => one === line).length;
  const tell = async (words: string, answer: string) => {
    const before = count(answer);
    listener.stdin?.write(`${words}\n`);
    await hear(answer, before + 1);
  };
  const start = async (...more: readonly string[]) => {
    const made = new LvsAgent(mkdtempSync(join(directory, 'run-')), [...within, ...more]);
    agent = made;
    await made.start();
    return made;
  };
  const service = (vip: string, port: number, server: object = {}, more: object = {}) =>
    virtualServer(
      { kind: 'address', address: vip, port: 80 },
      { realServers: [{ ...realServer(SERVER, { checkers: [tcpCheck(SERVER, port)] }, port), ...server }], ...more },
    );

  it('rest by ha_suspend while the address is elsewhere, and go on when it is here', async () => {
    await tell('open 8001', 'listening 8001');
    await tell('open 8002', 'listening 8002');
    const node = await start();
    const virtualServers = [service('198.51.100.1', 8001, {}, { haSuspend: true }), service('198.51.100.2', 8002)];
    await node.configure({ groups: [], virtualServers });
    await hear('connection 8002', 3);
    expect(count('connection 8001')).toBe(0);
    ip('address', 'add', '198.51.100.1/32', 'dev', 'lo');
    await hear('connection 8001', 2);
    ip('address', 'delete', '198.51.100.1/32', 'dev', 'lo');
    // One may be on its way when the address goes.
    await hear('connection 8002', count('connection 8002') + 3);
    const before = count('connection 8001');
    await hear('connection 8002', count('connection 8002') + 3);
    expect(count('connection 8001')).toBe(before);
    expect(node.server('tcp/198.51.100.1:80', `${SERVER}:8001`)?.state).toBe('up');
  });

  it('give a server that comes back its weight little by little', async () => {
    await tell('open 8003', 'listening 8003');
    const node = await start();
    const slow = { weight: 20, configuredWeight: 20, slowStart: 2_000_000 };
    await node.configure({ groups: [], virtualServers: [service('198.51.100.3', 8003, slow)] });
    await hear('connection 8003');
    await tell('close 8003', 'closed 8003');
    await node.eventSeen('down', ({ kind }) => kind === 'real-server-down');
    await tell('open 8003', 'listening 8003');
    const weights = () => node.events.flatMap((event) => (event.kind === 'weight-changed' ? [event['to']] : []));
    await waitFor(() => weights().at(-1) === 20, { deadline: DEADLINE, what: 'the whole weight' });
    // A tenth is told before the server is up; a late timer may leave out a step.
    const kinds = node.events.map(({ kind }) => kind);
    expect(weights()[0]).toBe(2);
    expect(kinds.indexOf('weight-changed')).toBeLessThan(kinds.indexOf('real-server-up'));
    expect(weights()).toEqual([...weights()].sort((a, b) => Number(a) - Number(b)));
    expect(weights().length).toBeGreaterThan(3);
  });

  it('that cannot be made for want of descriptors take no server out', async () => {
    await tell('open 8004', 'listening 8004');
    const node = await start('prlimit', '--nofile=64:64');
    const mute = (i: number) => ({
      ...tcpCheck(SERVER, 8004),
      kind: 'smtp',
      heloName: `h${i}`,
      connection: { ...(tcpCheck(SERVER, 8004) as { connection: object }).connection, connectTimeout: 600_000_000 },
    });
    const realServers = Array.from({ length: 120 }, (_, i) =>
      realServer(`127.0.1.${i + 1}`, { checkers: [mute(i)] }, 8004),
    );
    const virtualServers = [virtualServer({ kind: 'address', address: '198.51.100.4', port: 80 }, { realServers })];
    await node.configure({ groups: [], virtualServers });
    await waitFor(() => node.log.some((line) => line.includes('checks cannot be made')), {
      deadline: DEADLINE,
      what: 'a word about the descriptors',
    });
    expect(node.running).toBe(true);
    expect(node.events.filter(({ kind }) => kind === 'real-server-down')).toEqual([]);
  });

  it('that cannot be made for want of a file of tls_ca take no server out', async () => {
    await tell('open 8006', 'listening 8006');
    const node = await start();
    const authorities = join(directory, 'nowhere.pem');
    const names = { serverName: null, verifyName: null, certificate: null, key: null, passphrase: null };
    const check = {
      ...tcpCheck(SERVER, 8006),
      kind: 'grpc',
      tls: { ...names, verify: true, authorities, compliant: false },
      service: '',
      authority: null,
    };
    await node.configure({ groups: [], virtualServers: [service('198.51.100.6', 8006, { checkers: [check] })] });
    await waitFor(() => node.log.some((line) => line.includes('checks cannot be made') && line.includes(authorities)), {
      deadline: DEADLINE,
      what: 'a word about the file',
    });
    await hear('connection 8006', 2);
    expect(node.events.filter(({ kind }) => kind === 'real-server-down')).toEqual([]);
  });

  it('by a script that a reload makes superfluous let it put its things in order', async () => {
    const [running, ended] = [join(directory, 'running'), join(directory, 'ended')];
    const path = join(directory, 'script');
    writeFileSync(
      path,
      `#!/bin/sh\ntrap 'echo tidy >${ended}; exit 0' TERM\necho >${running}\nwhile :; do sleep 0.1; done\n`,
      {
        mode: 0o755,
      },
    );
    const node = await start();
    const { schedule } = tcpCheck(SERVER) as { schedule: object };
    const script = {
      kind: 'misc',
      schedule,
      argv: [path],
      user: null,
      timeout: 600_000_000,
      dynamic: false,
      secure: false,
    };
    const server = { checkers: [script] };
    await node.configure({ groups: [], virtualServers: [service('198.51.100.5', 8005, server)] });
    await waitFor(() => existsSync(running), { deadline: DEADLINE, what: 'the script runs' });
    await node.configure({ groups: [], virtualServers: [service('198.51.100.5', 8005, { checkers: [] })] });
    await waitFor(() => existsSync(ended) && readFileSync(ended, 'utf8') === 'tidy\n', {
      deadline: DEADLINE,
      what: 'it put its things in order',
    });
  });
});
