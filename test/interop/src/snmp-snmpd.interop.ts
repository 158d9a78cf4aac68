import { labRows, realServerRows } from '@keepfleet/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess, CuttingProxy, type Reply, SnmpdStand, StubbornSubAgent, until } from './snmpd.ts';

const ROOT = 'KEEPALIVED-MIB::keepalived';
const PREFIX = '1.3.6.1.4.1.9586.100.5';
const ROWS = 685;

const stand = new SnmpdStand();
let agent: AgentProcess | undefined;

beforeAll(() => stand.start());

afterEach(async () => {
  await agent?.close();
  agent = undefined;
});

afterAll(() => stand.close());

async function startAgent(rows: object = labRows(), socket = `unix:${stand.socket}`, namespace?: string) {
  agent = new AgentProcess(socket, namespace);
  agent.rows(rows);
  await agent.serving();
  return agent;
}

const walk = (options: readonly string[] = [], from = ROOT) => stand.ask('snmpwalk', options, 'public', [from]);
const get = (...names: readonly string[]) => stand.ask('snmpget', [], 'public', names);
const set = (...words: readonly string[]) => stand.ask('snmpset', [], 'private', words);
const value = async (name: string) =>
  (await stand.ask('snmpget', ['-Oqv'], 'public', [`KEEPALIVED-MIB::${name}`])).out.trim();

function reason({ out }: Reply): string | undefined {
  return /Reason: (\w+)/.exec(out)?.[1];
}

function failedObject({ out }: Reply): string | undefined {
  return /Failed object: (\S+)/.exec(out)?.[1];
}

/** Numbers of the name at the start of a line of `-On`. */
function nameOf(line: string): number[] {
  return (line.split(' ')[0] ?? '').split('.').slice(1).map(Number);
}

function inOrder(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((subid, i) => subid !== b[i]);
  return at === -1 ? a.length < b.length : (a[at] ?? 0) < (b[at] ?? 0);
}

describe('reading through snmpd', () => {
  it("shows the rows of the lab by the names of Debian's MIB file", async () => {
    await startAgent();
    const { lines } = await walk();
    expect(lines).toHaveLength(ROWS);
    expect(lines).toEqual(
      expect.arrayContaining([
        'KEEPALIVED-MIB::version.0 = STRING: Keepfleet v0.1.0',
        'KEEPALIVED-MIB::vrrpInstanceName.1 = STRING: VI_1',
        'KEEPALIVED-MIB::vrrpInstanceState.1 = INTEGER: master(2)',
        'KEEPALIVED-MIB::vrrpInstanceBasePriority.1 = INTEGER: 150',
        'KEEPALIVED-MIB::vrrpInstanceTrackPrimaryIf.1 = INTEGER: notTracked(2)',
        'KEEPALIVED-MIB::vrrpInstanceAuthType.1 = INTEGER: password(1)',
        'KEEPALIVED-MIB::vrrpAddressValue.0.1 = Hex-STRING: CB 00 71 09 ',
        'KEEPALIVED-MIB::vrrpAddressValue.1.1 = Hex-STRING: C6 33 64 0F ',
        'KEEPALIVED-MIB::vrrpAddressScope.1.3 = INTEGER: global(14)',
        'KEEPALIVED-MIB::vrrpAddressAdvertising.1.2 = INTEGER: advertised(1)',
        'KEEPALIVED-MIB::virtualServerGroupMemberType.1.1 = INTEGER: fwmark(1)',
        'KEEPALIVED-MIB::virtualServerGroupMemberType.1.3 = INTEGER: iprange(3)',
        'KEEPALIVED-MIB::virtualServerType.2 = INTEGER: ip(2)',
        'KEEPALIVED-MIB::virtualServerProtocol.1 = INTEGER: tcp(1)',
        'KEEPALIVED-MIB::virtualServerLoadBalancingAlgo.1 = INTEGER: rr(1)',
        'KEEPALIVED-MIB::virtualServerLoadBalancingKind.1 = INTEGER: nat(1)',
        'KEEPALIVED-MIB::virtualServerRealServersTotal.1 = Gauge32: 4',
        'KEEPALIVED-MIB::virtualServerStatsInBytes.1 = Counter64: 18446744073709551615 bytes',
        'KEEPALIVED-MIB::virtualServerStatsInPkts.1 = Counter32: 4 packets',
        'KEEPALIVED-MIB::realServerType.2.1 = INTEGER: sorry(2)',
        'KEEPALIVED-MIB::realServerAddress.1.1 = Hex-STRING: C0 A8 01 0A ',
        'KEEPALIVED-MIB::realServerAddress.1.4 = Hex-STRING: C0 A8 01 0D ',
        'KEEPALIVED-MIB::realServerWeight.2.5 = INTEGER: 1',
        'KEEPALIVED-MIB::realServerStatus.1.3 = INTEGER: alive(1)',
      ]),
    );
    // A number that the MIB file has no name for would show without one.
    const enumerated = lines.filter((line) => /::\w+(Status|State|Type)\./.test(line));
    expect(enumerated.length).toBeGreaterThan(40);
    expect(enumerated.filter((line) => !/ \w+\(\d+\)$/.test(line))).toEqual([]);
  });

  it('walks in ascending order, and get, getnext and bulk say the same', async () => {
    await startAgent();
    const walked = (await walk(['-On'])).lines;
    const names = walked.map(nameOf);
    for (const [i, name] of names.slice(1).entries()) expect(inOrder(names[i] ?? [], name), name.join('.')).toBe(true);

    const bulk = await stand.ask('snmpbulkwalk', ['-On', '-Cr40'], 'public', [ROOT]);
    expect(bulk.lines).toEqual(walked);
    for (let at = 0; at < walked.length; at += 60) {
      const part = names.slice(at, at + 60).map((name) => `.${name.join('.')}`);
      expect((await stand.ask('snmpget', ['-On'], 'public', part)).lines).toEqual(walked.slice(at, at + 60));
      const next = await stand.ask('snmpgetnext', ['-On'], 'public', part);
      expect(next.lines.slice(0, -1)).toEqual(walked.slice(at + 1, at + part.length));
    }
    const missing = await get('KEEPALIVED-MIB::realServerWeight.2.1', 'KEEPALIVED-MIB::vrrpInstanceName.2');
    expect(missing.lines.filter((line) => line.includes('No Such Instance'))).toHaveLength(2);
  });

  it('completes 24 walks at a time', async () => {
    await startAgent();
    const alone = (await walk()).out;
    // Datagrams of so many at a time may get lost.
    const all = await Promise.all(Array.from({ length: 24 }, () => walk(['-t', '20', '-r', '3'])));
    for (const { out } of all) expect(out).toBe(alone);
  });

  it('answers odd bulks, unknown columns and what is past the end', async () => {
    await startAgent();
    const names = ['1', '2'].map((one) => `${PREFIX}.3.4.1.7.${one}`);
    const bulk = async (...options: string[]) => {
      const words = [`${PREFIX}.1.1`, ...names];
      return (await stand.ask('snmpbulkget', ['-On', ...options], 'public', words)).lines;
    };
    const [version, ...weights] = await bulk('-Cn1', '-Cr3');
    expect(version).toContain('Keepfleet');
    // Two repeaters in turns: servers 2 and 3 after 1 of the first service, the second service after the first.
    expect(weights).toHaveLength(2 * 3);
    expect(await bulk('-Cn3', '-Cr3')).toHaveLength(3);
    expect(await bulk('-Cn0', '-Cr0')).toHaveLength(0);
    // To the end of snmpd itself.
    expect((await bulk('-Cn0', '-Cr500')).length).toBeGreaterThan(50);
    const missing = await get(`${PREFIX}.3.4.1.99.1.1`, `${PREFIX}.99.1.0`, `${PREFIX}.2.3.1.7`);
    expect(missing.lines.map((line) => /No Such (Object|Instance)/.exec(line)?.[1])).toEqual([
      expect.any(String),
      expect.any(String),
      expect.any(String),
    ]);
    const past = await stand.ask('snmpgetnext', ['-On'], 'public', [`${PREFIX}.99`]);
    expect(past.lines.filter((line) => line.startsWith(`.${PREFIX}.`))).toEqual([]);
  });

  it('is right when every PDU comes in pieces and several at once', async () => {
    const proxy = new CuttingProxy(`${stand.socket}.cut`, stand.socket);
    try {
      await startAgent(labRows(), `unix:${stand.socket}.cut`);
      const all = await Promise.all([walk(), walk(), stand.ask('snmpbulkwalk', ['-Cr20'], 'public', [ROOT])]);
      for (const { lines } of all) expect(lines).toHaveLength(ROWS);
      expect((await set('KEEPALIVED-MIB::realServerWeight.1.1', 'i', '7')).code).toBe(0);
      expect(await value('realServerWeight.1.1')).toBe('7');
      expect(proxy.portions).toBeGreaterThan(ROWS);
    } finally {
      await agent?.close();
      await proxy.close();
    }
  });

  it('serves over TCP', async () => {
    await startAgent(labRows(), 'tcp:127.0.0.1:705', stand.namespace);
    expect((await walk()).lines).toHaveLength(ROWS);
  });

  it('shows new rows at once', async () => {
    const running = await startAgent();
    running.rows({ ...labRows(), virtualServers: [] });
    await until('the real servers are gone', async () =>
      (await walk([], 'KEEPALIVED-MIB::realServerTable')).lines.length <= 1 ? true : undefined,
    );
    running.rows(labRows());
    await until('the real servers are back', async () => ((await walk()).lines.length === ROWS ? true : undefined));
  });
});

describe('setting through snmpd', () => {
  it('takes the three objects, and tells control which rows they are', async () => {
    const running = await startAgent();
    expect((await set('KEEPALIVED-MIB::realServerWeight.1.1', 'i', '0')).code).toBe(0);
    expect((await set('KEEPALIVED-MIB::vrrpInstanceBasePriority.1', 'i', '1')).code).toBe(0);
    expect((await set('KEEPALIVED-MIB::vrrpInstancePreempt.1', 'i', '2')).code).toBe(0);
    expect(running.events.filter(({ type }) => type === 'set').map(({ changes }) => changes)).toEqual([
      [{ kind: 'weight', virtualServer: 'tcp/198.51.100.15:80', realServer: '192.168.1.10:80', value: 0 }],
      [{ kind: 'base-priority', instance: 'VI_1', value: 1 }],
      [{ kind: 'preempt', instance: 'VI_1', value: false }],
    ]);
    expect(await value('realServerWeight.1.1')).toBe('0');
    expect(await value('vrrpInstanceBasePriority.1')).toBe('1');
    expect(await value('vrrpInstancePreempt.1')).toBe('noPreempt');
  });

  it('refuses with the right error, and stays in service', async () => {
    const running = await startAgent();
    const weight = '1.3.6.1.4.1.9586.100.5.3.4.1.7';
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ['wrongValue', ['KEEPALIVED-MIB::vrrpInstanceBasePriority.1', 'i', '300']],
      ['wrongValue', ['KEEPALIVED-MIB::vrrpInstanceBasePriority.1', 'i', '0']],
      ['wrongValue', ['KEEPALIVED-MIB::realServerWeight.1.1', 'i', '-1']],
      ['noCreation', ['KEEPALIVED-MIB::realServerWeight.1.99', 'i', '1']],
      ['noCreation', ['KEEPALIVED-MIB::realServerWeight.2.1', 'i', '1']],
      ['notWritable', ['KEEPALIVED-MIB::vrrpInstanceNotifyDeleted.1', 'i', '1']],
      ['notWritable', ['KEEPALIVED-MIB::realServerStatus.1.1', 'i', '2']],
    ];
    for (const [error, words] of cases) expect(reason(await set(...words)), words.join(' ')).toBe(error);
    // Without the MIB the tool does not check the type itself; binary text must not end the session either.
    const raw = (type: string, text: string) =>
      stand.ask('snmpset', ['-m', ''], 'private', [`${weight}.1.1`, type, text]);
    expect(reason(await raw('s', 'text'))).toBe('wrongType');
    expect(reason(await raw('x', '00ff80fe'))).toBe('wrongType');
    expect(reason(await raw('u', '5'))).toBe('wrongType');
    expect(reason(await stand.ask('snmpset', [], 'public', [`${weight}.1.1`, 'i', '5']))).toBe('noAccess');
    const { status } = await running.status();
    expect(status.counters.sessions).toBe(1);
    expect((await walk()).lines).toHaveLength(ROWS);
    expect(running.events.filter(({ type }) => type === 'set')).toEqual([]);
  });

  it('sets all of several variables or none', async () => {
    await startAgent();
    const both = ['KEEPALIVED-MIB::realServerWeight.1.1', 'i', '9', 'KEEPALIVED-MIB::vrrpInstanceBasePriority.1', 'i'];
    const refused = await set(...both, '300');
    expect(reason(refused)).toBe('wrongValue');
    expect(failedObject(refused)).toBe('KEEPALIVED-MIB::vrrpInstanceBasePriority.1');
    expect(await value('realServerWeight.1.1')).toBe('1');
    expect((await set(...both, '30')).code).toBe(0);
    expect(await value('realServerWeight.1.1')).toBe('9');
    expect(await value('vrrpInstanceBasePriority.1')).toBe('30');
  });

  it('sets a hundred variables, or none of them for one that is bad', async () => {
    const running = await startAgent(realServerRows(100));
    const words = (last: string) =>
      Array.from({ length: 100 }, (_, i) => [`${PREFIX}.3.4.1.7.1.${i + 1}`, 'i', i < 99 ? '7' : last]).flat();
    // With the MIB the tool itself knows what a weight may be.
    const refused = await stand.ask('snmpset', ['-m', '', '-On'], 'private', words('-1'));
    expect(reason(refused)).toBe('wrongValue');
    expect(failedObject(refused)).toBe(`.${PREFIX}.3.4.1.7.1.100`);
    expect(running.events.filter(({ type }) => type === 'set')).toEqual([]);
    expect((await stand.ask('snmpset', ['-m', '', '-On'], 'private', words('7'))).code).toBe(0);
    expect(running.events.filter(({ type }) => type === 'set')).toHaveLength(1);
    const shown = await walk(['-Oqv'], 'KEEPALIVED-MIB::realServerWeight');
    expect(shown.lines).toEqual(Array.from({ length: 100 }, () => '7'));
  });

  it('says commitFailed when control refuses', async () => {
    const running = await startAgent();
    running.refuse(true);
    await running.status();
    expect(reason(await set('KEEPALIVED-MIB::realServerWeight.1.1', 'i', '0'))).toBe('commitFailed');
    expect(await value('realServerWeight.1.1')).toBe('1');
  });

  it('puts back what was, when another sub-agent fails to commit its part', async () => {
    const running = await startAgent();
    const other = new StubbornSubAgent(stand.socket);
    try {
      await other.registered();
      const reply = await set('KEEPALIVED-MIB::realServerWeight.1.1', 'i', '0', '1.3.6.1.4.1.9586.200.1.0', 'i', '1');
      expect(reason(reply)).toBe('commitFailed');
      expect(other.requests).toContain(9);
      expect(running.events.filter(({ type }) => type !== 'log').map(({ type }) => type)).toEqual(['set', 'undo']);
      expect(await value('realServerWeight.1.1')).toBe('1');
    } finally {
      other.close();
    }
  });
});

describe('when snmpd fails', () => {
  it.each<[string, NodeJS.Signals]>([
    ['restarted', 'SIGTERM'],
    ['killed and started', 'SIGKILL'],
  ])('brings all rows back by itself after snmpd was %s', async (_, signal) => {
    const running = await startAgent();
    await stand.stopSnmpd(signal);
    await until('the agent has noticed', async () =>
      (await running.status()).status.state === 'serving' ? undefined : true,
    );
    await stand.startSnmpd();
    await running.serving();
    expect((await walk()).lines).toHaveLength(ROWS);
    expect((await running.status()).status.counters.sessions).toBe(2);
  });

  it('goes on at its own pace while snmpd is frozen, and serves when it is thawed', async () => {
    const running = await startAgent();
    await running.status();
    stand.signal('SIGSTOP');
    try {
      const begun = performance.now();
      const wait = () => stand.ask('snmpget', ['-t', '6', '-r', '0'], 'public', [`${ROOT}.1.2.0`]);
      const asked = Promise.all(Array.from({ length: 5 }, wait));
      for (let i = 0; i < 200; i++) running.rows(labRows());
      for (const { out } of await asked) expect(out).toContain('Timeout');
      const { status, maxDelayMs } = await running.status();
      expect(status.queued).toBeLessThan(65_536);
      // Only the machine's own load is left to hold up the loop; a blocking write or ping would take all of this time.
      expect(maxDelayMs).toBeLessThan((performance.now() - begun) / 2);
    } finally {
      stand.signal('SIGCONT');
    }
    await until('snmpd answers again', async () => ((await walk()).lines.length === ROWS ? true : undefined));
    expect((await running.status()).status.counters.sessions).toBe(1);
  });
});

describe('when the agent fails', () => {
  it('is followed by the next one, which waits as long as the subtree is taken', async () => {
    const first = await startAgent();
    const next = new AgentProcess(`unix:${stand.socket}`);
    agent = next;
    next.rows(labRows());
    await until('the second agent is refused', async () =>
      (await next.status()).status.counters.problems['refused'] === undefined ? undefined : true,
    );
    expect((await walk()).lines).toHaveLength(ROWS);
    await first.kill();
    // It may have taken some subtrees while the others were still the first one's, and asks for those again later.
    await until('the second agent serves all', async () => ((await walk()).lines.length === ROWS ? true : undefined));
  });
});

describe('speed', () => {
  it('walks 5,000 real servers', async () => {
    const running = await startAgent(realServerRows(5000));
    const columns = ['realServerAddress', 'realServerPort', 'realServerStatus', 'realServerWeight'];
    for (const [tool, options] of [
      ['snmpwalk', []],
      ['snmpbulkwalk', ['-Cr50']],
    ] as const) {
      const before = await running.status();
      const start = performance.now();
      for (const column of columns) {
        const { lines } = await stand.ask(tool, options, 'public', [`KEEPALIVED-MIB::${column}`]);
        expect(lines).toHaveLength(5000);
      }
      const seconds = (performance.now() - start) / 1000;
      const after = await running.status();
      const agentCpu = (after.cpuMicros - before.cpuMicros) / 1e6;
      console.log(
        `${tool}: 5,000 rows of ${columns.length} columns in ${seconds.toFixed(2)} s, ` +
          `${Math.round(5000 / seconds)} rows/s, ${Math.round((5000 * columns.length) / seconds)} variables/s; ` +
          `agent ${agentCpu.toFixed(2)} s of CPU, its loop held up ${after.maxDelayMs.toFixed(0)} ms at the most`,
      );
    }
  });
});
