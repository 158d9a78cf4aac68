import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseKeepalivedConfig } from '@keepfleet/config';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { lvsSettings } from '../settings/index.ts';
import { Notifier } from './notifier.ts';

const DEADLINE = 120_000;
const directory = mkdtempSync(join(tmpdir(), 'kf-notifier-'));
const path = (name: string) => join(directory, name);
const said: string[] = [];
const nothing = () => undefined;
const say = (_: object, text: string) => said.push(text);
const notifier = new Notifier({ info: nothing, warn: say, error: say } as never);

afterEach(() => {
  notifier.close();
  said.length = 0;
});
afterAll(() => rmSync(directory, { recursive: true }));

function settings(globals: string, server = '', service = '') {
  const text = `global_defs {\n ${globals}\n}\nvirtual_server 198.51.100.1 80 {\n protocol TCP\n ${service}\n real_server 192.0.2.10 80 {\n ${server}\n }\n}\nvirtual_server fwmark 7 {\n real_server 192.0.2.10 80 {\n }\n}\n`;
  return lvsSettings(parseKeepalivedConfig({ file: 'k.conf', text }).config);
}

const service = 'tcp/198.51.100.1:80';
const server = '192.0.2.10:80';

function readPipe(fd: number): string {
  const buffer = Buffer.alloc(65_536);
  return buffer.toString('latin1', 0, readSync(fd, buffer));
}

describe('what happens to servers and services', () => {
  it('is written to the pipe in the lines of keepalived', () => {
    execFileSync('mkfifo', [path('fifo')]);
    const fd = openSync(path('fifo'), constants.O_RDWR | constants.O_NONBLOCK);
    const configured = settings(`lvs_notify_fifo ${path('fifo')}`);
    const marked = configured.virtualServers[1];
    notifier.configure(configured);
    notifier.event({ kind: 'real-server-down', service, server, reason: 'x' });
    notifier.event({ kind: 'quorum-lost', service, weight: 0, quorum: 1 });
    notifier.server(marked?.key ?? '', marked?.realServers[0]?.key ?? '', true);
    notifier.quorum(marked?.key ?? '', true);
    expect(readPipe(fd).split('\n')).toEqual([
      'RS [192.0.2.10]:tcp:80 [198.51.100.1]:tcp:80 DOWN',
      'VS [198.51.100.1]:tcp:80 DOWN',
      'RS [192.0.2.10]:none:80 FWM 7 UP',
      'VS FWM 7 UP',
      '',
    ]);
    closeSync(fd);
  });

  it('is written to the pipe for everything too, once where both are one', () => {
    const fd = openSync(path('fifo'), constants.O_RDWR | constants.O_NONBLOCK);
    notifier.configure(settings(`notify_fifo ${path('fifo')}`));
    notifier.server(service, server, true);
    notifier.quorum(service, true);
    const lines = 'RS [192.0.2.10]:tcp:80 [198.51.100.1]:tcp:80 UP\nVS [198.51.100.1]:tcp:80 UP\n';
    expect(readPipe(fd)).toBe(lines);
    notifier.configure(settings(`notify_fifo ${path('fifo')}\n lvs_notify_fifo ${path('fifo')}`));
    notifier.quorum(service, false);
    expect(readPipe(fd)).toBe('VS [198.51.100.1]:tcp:80 DOWN\n');
    closeSync(fd);
  });

  it('tells services of one group apart as keepalived does, by their number', () => {
    const fd = openSync(path('fifo'), constants.O_RDWR | constants.O_NONBLOCK);
    const group = (protocol: string) =>
      `virtual_server group g {\n protocol ${protocol}\n real_server 192.0.2.10 80 {\n }\n}\n`;
    const text = `global_defs {\n lvs_notify_fifo ${path('fifo')}\n}\nvirtual_server_group g {\n 198.51.100.1 80\n}\n${group('TCP')}${group('UDP')}`;
    const configured = lvsSettings(parseKeepalivedConfig({ file: 'k.conf', text }).config);
    notifier.configure(configured);
    for (const { key } of configured.virtualServers) notifier.quorum(key, true);
    expect(readPipe(fd)).toBe('VS [g]:0 UP\nVS [g]:1 UP\n');
    closeSync(fd);
  });

  it('is lost and told once while nobody reads, and waits for nobody', () => {
    notifier.configure(settings(`lvs_notify_fifo ${path('full')}`));
    for (let i = 0; i < 5_000; i++) notifier.quorum(service, true);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/nobody reads the pipe/);
    notifier.close();
    expect(existsSync(path('full'))).toBe(false);
  });

  it('starts the scripts, and says which of them failed', async () => {
    const script = (name: string) => `"/bin/sh -c 'echo ${name} >>${path('scripts')}'"`;
    notifier.configure(
      settings(
        'script_user root',
        `notify_up ${script('up')}\n notify_down "/bin/sh -c 'exit 3'"`,
        `quorum_up ${script('quorum')}\n quorum_down /nowhere/script`,
      ),
    );
    const lines = () => (existsSync(path('scripts')) ? readFileSync(path('scripts'), 'utf8').trim().split('\n') : []);
    notifier.server(service, server, true);
    notifier.quorum(service, true);
    await waitFor(() => lines().length === 2, { deadline: DEADLINE, what: 'two scripts' });
    expect(lines().sort()).toEqual(['quorum', 'up']);
    notifier.server(service, server, false);
    notifier.quorum(service, false);
    await waitFor(() => said.length === 2, { deadline: DEADLINE, what: 'two failures' });
    expect(said.sort()[0]).toBe('a notify script ended with an error');
    expect(said[1]).toMatch(/^the notify script cannot be run: there is no program \/nowhere\/script/);
  });

  it('is nothing for a service that there is not', () => {
    notifier.configure(settings(''));
    notifier.server('nobody', server, true);
    notifier.quorum('nobody', true);
    expect(said).toEqual([]);
  });
});
