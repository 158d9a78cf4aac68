import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseKeepalivedConfig } from '@keepfleet/config';
import { connectTcp } from '@keepfleet/linux';
import { ip } from '@keepfleet/wire';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lvsSettings } from '../settings/index.ts';
import { BfdSessions } from './bfd-sessions.ts';
import { withFilesRead } from './files-at-start.ts';
import { HealthChecks } from './health-checks.ts';

const DEADLINE = 120_000;
const nothing = () => undefined;
const directory = mkdtempSync(join(tmpdir(), 'kf-health-'));
const told: string[] = [];
const sessions = new BfdSessions();
let health: HealthChecks;
let server: Server;
let port = 0;
let connections = 0;
let runs = 0;
const open = new Set<Socket>();

beforeEach(async () => {
  told.length = 0;
  connections = 0;
  runs = 0;
  health = new HealthChecks(
    {
      health: (service, real, up) => told.push(`${service} ${real} ${up ? 'up' : 'down'}`),
      effect: (service, real, { added, share }) => told.push(`${service} ${real} ${share < 1 ? share : added}`),
      confirmedDown: (service, real) => told.push(`${service} ${real} confirmed`),
      ran: () => (runs += 1),
    },
    sessions,
    { warn: nothing, error: nothing } as never,
  );
  server = createServer((socket) => {
    connections++;
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  health.stop();
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

afterAll(() => rmSync(directory, { recursive: true }));

/** One virtual server a number, each with the same real server and these checks. */
function settings(services: readonly number[], checks: string, more = '') {
  const blocks = services.map(
    (vip) =>
      `virtual_server 198.51.100.${vip} 80 {\n protocol TCP\n ${more}\n real_server 127.0.0.1 80 {\n ${checks}\n }\n}\n`,
  );
  const text = `track_file f {\n file ${join(directory, 'f')}\n}\ntrack_file unweighted {\n file ${join(directory, 'f')}\n weight 0\n}\nbfd_instance b {\n neighbor_ip 192.0.2.1\n}\n${blocks.join('')}`;
  return lvsSettings(parseKeepalivedConfig({ file: 'k.conf', text }).config);
}

const tcp = (times = '') => `TCP_CHECK {\n connect_port ${port}\n warmup 0\n delay_loop 1\n ${times}\n }`;
const key = (vip: number) => `tcp/198.51.100.${vip}:80`;
const results = (vip: number) => health.of(key(vip), '127.0.0.1:80').map(({ status }) => status.lastResult);
const ran = (vip: number) =>
  waitFor(() => results(vip)[0] !== null, { deadline: DEADLINE, what: 'a run of the check' });

describe('checks of several services', () => {
  it('that are the same are made once, and told to all', async () => {
    health.configure(settings([1, 2, 3], tcp()), () => true);
    expect(health.size).toBe(1);
    await ran(1);
    expect(results(3)).toEqual(['accepted a connection']);
    // With one that is under way, on a machine that has let time for it pass.
    expect(connections - runs).toBeLessThan(2);
    server.close();
    await waitFor(() => told.length >= 6, { deadline: DEADLINE, what: 'three servers down' });
    expect(told.slice(3)).toEqual([1, 2, 3].map((vip) => `${key(vip)} 127.0.0.1:80 down`));
  });

  it('take a server down at once for a service that asks for one only now', async () => {
    const one = settings([1], tcp());
    const without = { ...one, virtualServers: [...one.virtualServers, ...settings([2], '').virtualServers] };
    health.configure(without, () => true);
    await ran(1);
    server.close();
    for (const socket of open) socket.destroy();
    await waitFor(() => told.at(-1) === `${key(1)} 127.0.0.1:80 down`, { deadline: DEADLINE, what: 'the server down' });
    health.configure(settings([1, 2], tcp()), () => true);
    expect(health.size).toBe(1);
    expect(told.at(-1)).toBe(`${key(2)} 127.0.0.1:80 down`);
  });

  it.each([
    ['with', () => tcp()],
    ['without', () => ''],
  ])('%s any, a server that was drained comes back with a tenth of its weight', (_, checks) => {
    const drained = (weight: number) => settings([1, 2], `${checks()}\n weight ${weight}`, 'slow_start 3600');
    health.configure(drained(0), () => true);
    told.length = 0;
    health.beginReturns(drained(5));
    expect(told).toEqual([1, 2].map((vip) => `${key(vip)} 127.0.0.1:80 0.1`));
    health.configure(drained(5), () => true);
    told.length = 0;
    health.beginReturns(drained(9));
    expect(told).toEqual([]);
  });

  it.each([
    ['with', () => tcp()],
    ['without', () => ''],
  ])('%s any, it does so where slow_start is new with its weight', (_, checks) => {
    const weighed = (weight: number, more: string) => settings([1, 2], `${checks()}\n weight ${weight}`, more);
    health.configure(weighed(0, ''), () => true);
    told.length = 0;
    const back = weighed(5, 'slow_start 3600');
    health.beginReturns(back);
    expect(told).toEqual([1, 2].map((vip) => `${key(vip)} 127.0.0.1:80 0.1`));
    health.configure(back, () => true);
    expect(told).toHaveLength(2);
    health.configure(weighed(5, ''), () => true);
    health.beginReturns(weighed(6, ''));
    expect(told.slice(2).filter((line) => line.endsWith(' 0.1'))).toEqual([]);
  });

  it('that give a server a weight in spite of a configured 0 have it not drained, and it does not come back', async () => {
    const script = 'MISC_CHECK {\n misc_path "/bin/sh -c \'exit 9\'"\n misc_dynamic\n warmup 0\n delay_loop 600\n }';
    const weighed = (weight: number) => settings([1], `${script}\n weight ${weight}`, 'slow_start 3600');
    health.configure(weighed(0), () => true);
    await waitFor(() => results(1)[0] === 'exited with status 9, weight 7', { deadline: DEADLINE, what: 'a weight' });
    told.length = 0;
    health.beginReturns(weighed(5));
    expect(told).toEqual([]);
    const drained = ({ virtualServers, ...others }: ReturnType<typeof settings>) => ({
      ...others,
      virtualServers: virtualServers.map(({ realServers, ...service }) => ({
        ...service,
        realServers: realServers.map((server) => ({ ...server, weight: 0, weightIsSet: true })),
      })),
    });
    health.configure(drained(weighed(5)), () => true);
    told.length = 0;
    health.beginReturns(weighed(5));
    expect(told).toEqual([`${key(1)} 127.0.0.1:80 0.1`]);
  });

  it.each([
    ['new', null],
    ['adopted', 7],
  ])('say the weight of a server that is %s, although another check of it cannot be made', async (_, weight) => {
    const script = 'MISC_CHECK {\n misc_path "/bin/sh -c \'exit 2\'"\n misc_dynamic\n warmup 0\n delay_loop 600\n }';
    const unable = `SSL_GET {\n connect_port ${port}\n tls_verify\n tls_ca ${join(directory, 'none.pem')}\n url {\n path /\n status_code 200\n }\n warmup 0\n delay_loop 600\n }`;
    health.configure(
      settings([1], `${script}\n${unable}`),
      () => true,
      () => (told.length === 0 ? weight : null),
    );
    await waitFor(() => told.length > 0, { deadline: DEADLINE, what: 'the weight' });
    expect(told).toEqual([`${key(1)} 127.0.0.1:80 0`]);
    expect(results(1)).toEqual(['exited with status 2, weight 0', null]);
  });

  it('rest when all of them do, and keep what they know', async () => {
    const both = settings([1, 2], tcp());
    health.configure(both, () => true);
    await ran(1);
    health.rest(new Set([key(1), key(2)]));
    const before = connections;
    expect(results(2)).toEqual(['accepted a connection']);
    health.rest(new Set([key(1)]));
    await waitFor(() => connections > before, { deadline: DEADLINE, what: 'a check for the other service' });
  });
});

describe('checks that this node cannot make', () => {
  it('are a problem with their number and since when, until they are made', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port: bindPort } = other.address() as AddressInfo;
    await new Promise((resolve) => other.close(resolve));
    // connect(2) finds the only port that it may take in use, as with a range that is used up.
    const taken = await connectTcp({
      destination: ip('127.0.0.1'),
      port,
      source: { address: ip('127.0.0.1'), port: bindPort },
    });
    health.configure(settings([1, 2], tcp(`bindto 127.0.0.1\n bind_port ${bindPort}`)), () => true);
    expect(health.problem).toBeUndefined();
    await waitFor(() => health.problem !== undefined, { deadline: DEADLINE, what: 'a problem' });
    expect(health.problem).toMatch(/^1 health check cannot be made, .* since 20\S+Z, .*: this node has no free port/);
    expect(results(1)).toEqual([null]);
    taken.resetAndDestroy();
    await ran(1);
    expect(health.problem).toBeUndefined();
    expect(results(1)).toEqual(['accepted a connection']);
  });
});

describe('a reload', () => {
  it('that removes a check in the middle of its run leaves neither its connection nor its timer', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    // A timer that was left would be there for as long as this test waits.
    const get = `HTTP_GET {\n url {\n path /\n }\n connect_port ${port}\n warmup 0\n connect_timeout 600\n delay_loop 600\n }`;
    health.configure(settings([1], get), () => true);
    await waitFor(() => open.size === 1, { deadline: DEADLINE, what: 'a connection' });
    health.configure(settings([1], ''), () => true);
    await waitFor(() => open.size === 0, { deadline: DEADLINE, what: 'its end' });
    expect(health.size).toBe(0);
    // Those of the test runner come and go.
    await waitFor(() => timers() <= before, { deadline: DEADLINE, what: 'no timer left' });
  });

  it('of the times of a check alone leaves a server down that is down', async () => {
    health.configure(settings([1], tcp('connect_port 1')), () => true);
    await waitFor(() => told.includes(`${key(1)} 127.0.0.1:80 down`), { deadline: DEADLINE, what: 'down' });
    told.length = 0;
    health.configure(settings([1], tcp('connect_port 1\n retry 5\n connect_timeout 9')), () => false);
    expect(told).toEqual([`${key(1)} 127.0.0.1:80 down`]);
    expect(results(1)).toEqual(['refused the connection']);
    health.configure(settings([1], tcp()), () => false);
    expect(told.at(-1)).toBe(`${key(1)} 127.0.0.1:80 up`);
  });
});

describe('a server that was found in the kernel', () => {
  const weighed = (script: string, more = '') =>
    `weight 50\n ${more}\n MISC_CHECK {\n misc_path "${script}"\n misc_dynamic\n warmup 0\n delay_loop 1\n }`;
  const found = (
    checks: string,
    service: string,
    up: boolean | ((service: string) => boolean),
    weight: number | null,
  ) =>
    health.configure(
      settings([1, 2], checks, service),
      (name) => (typeof up === 'boolean' ? up : up(name)),
      () => weight,
    );

  it('keeps its weight until its script has given one, and then is told of that, be it the configured one', async () => {
    found(weighed('/bin/true'), '', true, 20);
    expect(told).toEqual([]);
    await waitFor(() => told.length > 0, { deadline: DEADLINE, what: 'what the script says' });
    expect(told).toEqual([1, 2].flatMap((vip) => [`${key(vip)} 127.0.0.1:80 up`, `${key(vip)} 127.0.0.1:80 0`]));
  });

  it('goes on with its slow start where it was', async () => {
    found(weighed('/bin/true'), 'slow_start 3600', true, 20);
    expect(told).toEqual([]);
    await waitFor(() => told.length > 0, { deadline: DEADLINE, what: 'what the script says' });
    expect(told).toContain(`${key(1)} 127.0.0.1:80 0.4`);
    told.length = 0;
    health.stop();
    found('weight 50', 'slow_start 3600', true, 35);
    expect(told).toContain(`${key(2)} 127.0.0.1:80 0.7`);
  });

  it('as down, is up when its check says so, though another service had the same server up', async () => {
    found(tcp(), '', (service) => service === key(2), null);
    expect(told).toEqual([]);
    await waitFor(() => told.length >= 2, { deadline: DEADLINE, what: 'both up' });
    expect(told).toEqual([1, 2].map((vip) => `${key(vip)} 127.0.0.1:80 up`));
  });
});

describe('what is watched', () => {
  const file = join(directory, 'f');
  const write = (text: string) => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };

  it('is a file whose number is added, also when it is replaced, removed and made again', async () => {
    write('3\n');
    health.configure(settings([1], 'FILE_CHECK {\n track_file f\n weight 2\n }'), () => true);
    const added = (value: number) =>
      waitFor(() => told.findLast((line) => /\d$/.test(line)) === `${key(1)} 127.0.0.1:80 ${value}`, {
        deadline: DEADLINE,
        what: `${value}`,
      });
    await added(6);
    write('5');
    await added(10);
    rmSync(file);
    await added(0);
    writeFileSync(file, '-1 and words');
    await added(-2);
  });

  it('is a file that says that a server is down before it is anywhere in use', () => {
    write('1\n');
    const asConfigured = settings([1], 'FILE_CHECK {\n track_file unweighted\n }');
    const alphas = ({ virtualServers }: ReturnType<typeof settings>) =>
      virtualServers.flatMap(({ realServers }) => realServers.flatMap(({ checkers }) => checkers[0]?.schedule.alpha));
    expect(alphas(asConfigured)).toEqual([false]);
    expect(alphas(withFilesRead(asConfigured))).toEqual([true]);
    write('0\n');
    expect(alphas(withFilesRead(asConfigured))).toEqual([false]);
    expect(withFilesRead(asConfigured).virtualServers[0]).toBe(asConfigured.virtualServers[0]);
    rmSync(file);
  });

  it('is a BFD session, of which nothing is said before it is known', () => {
    health.configure(settings([1], 'BFD_CHECK {\n name b\n }'), () => true);
    expect(told).toEqual([]);
    sessions.set('b', false);
    sessions.set('b', true);
    expect(told).toEqual([`${key(1)} 127.0.0.1:80 down`, `${key(1)} 127.0.0.1:80 up`]);
    health.stop();
    sessions.set('b', false);
    expect(told).toHaveLength(2);
  });
});
