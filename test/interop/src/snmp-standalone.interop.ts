import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labRows, realServerRows } from '@keepfleet/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Recorder } from './snmp-recorder.ts';
import { AgentProcess, type Reply, SnmpdStand, until } from './snmpd.ts';

const ROOT = '1.3.6.1.4.1.9586.100.5';
const WEIGHT = `${ROOT}.3.4.1.7.1.1`;
const PRIORITY = `${ROOT}.2.3.1.7.1`;
const SYS_NAME = '1.3.6.1.2.1.1.5.0';
const ENGINE_BOOTS = '1.3.6.1.6.3.10.2.1.2.0';
const KEY = 'correct horse';
/** Informs that wait for a receiver. */
const QUEUE = 1000;

const stand = new SnmpdStand();
const engineFile = join(stand.directory, 'engine.json');
const yaml = join(stand.directory, 'agent.yaml');
const log = join(stand.directory, 'traps');
let agent: AgentProcess | undefined;
let trapd: ChildProcess | undefined;

beforeAll(async () => {
  await stand.startNamespace();
  writeFileSync(
    yaml,
    `
snmp:
  enabled: false
  standalone:
    listen: [127.0.0.1, "[::1]:161"]
    contact: ops
    communities:
      - { name: public }
      - { name: private, access: read-write, from: [127.0.0.0/8] }
      - { name: elsewhere, from: [192.0.2.0/24] }
      - { name: narrow, view: lvs }
  users:
    - { name: both, access: read-write, auth: { protocol: SHA-256, password: ${KEY} }, privacy: { protocol: AES, password: ${KEY} } }
    - { name: strong, auth: { protocol: SHA-512, password: ${KEY} }, privacy: { protocol: AES-256, password: ${KEY} } }
    - { name: stretched, auth: { protocol: SHA, password: ${KEY} }, privacy: { protocol: AES-192, password: ${KEY} } }
    - { name: signed, auth: { protocol: SHA-384, password: ${KEY} } }
    - { name: open, view: lvs }
  views:
    lvs: { include: [${ROOT}.3], exclude: [${ROOT}.3.4.1.7] }
  notifications:
    perSecond: 1000
    burst: 1000
    receivers:
      - { address: "127.0.0.1:1162", community: traps }
      - { address: "127.0.0.1:1162", community: informs, inform: true, timeout: 0.3 }
      - { address: "127.0.0.1:1162", user: both }
      - { address: "127.0.0.1:1162", user: strong, inform: true, timeout: 0.3 }
`,
  );
});

afterEach(async () => {
  await agent?.close();
  agent = undefined;
  trapd?.kill('SIGKILL');
  trapd = undefined;
});

afterAll(() => stand.close());

async function startAgent(rows: object = labRows()): Promise<AgentProcess> {
  const started = new AgentProcess('-', stand.namespace, yaml, engineFile);
  agent = started;
  started.rows(rows);
  await until(
    'the agent listens',
    async () => ((await started.status()).status.standalone?.listening.length === 2 ? true : undefined),
    60_000,
  );
  return started;
}

const PATIENCE = ['-t', '30', '-r', '1'];
const V2 = (community: string) => ['-v2c', '-c', community, ...PATIENCE];
const user = (name: string, level: string, ...more: string[]) => ['-v3', '-u', name, '-l', level, ...PATIENCE, ...more];
const auth = (protocol: string, password = KEY) => ['-a', protocol, '-A', password];
const privacy = (protocol: string, password = KEY) => ['-x', protocol, '-X', password];
const BOTH = user('both', 'authPriv', ...auth('SHA-256'), ...privacy('AES'));

const ask = (tool: string, who: readonly string[], ...words: string[]) =>
  stand.run(tool, [...who, '-On', '127.0.0.1', ...words]);

function reason({ out }: Reply): string {
  return /Reason: \(?(\w+)/.exec(out)?.[1] ?? out.trim();
}

describe('an agent without an snmpd', () => {
  it('answers versions 1, 2c and 3, over IPv6 too, and every tool says the same', async () => {
    await startAgent();
    const walked = (await ask('snmpwalk', V2('public'), '1.3.6.1.4.1')).lines;
    expect(walked.length).toBeGreaterThan(640);
    expect((await ask('snmpbulkwalk', [...V2('public'), '-Cr40'], '1.3.6.1.4.1')).lines).toEqual(walked);
    expect((await ask('snmpbulkwalk', [...BOTH, '-Cr40'], '1.3.6.1.4.1')).lines).toEqual(walked);
    const narrow = walked.filter((line) => !line.includes('Counter64'));
    const old = (await ask('snmpwalk', ['-v1', '-c', 'public', ...PATIENCE], '1.3.6.1.4.1')).lines;
    expect(old.filter((line) => line.startsWith('.'))).toEqual(narrow.filter((line) => line.startsWith('.')));
    const names = walked.slice(0, 100).map((line) => line.split(' ')[0] ?? '');
    expect((await ask('snmpget', V2('public'), ...names)).lines).toEqual(walked.slice(0, 100));
    const six = await stand.run('snmpget', [...V2('public'), '-Oqv', 'udp6:[::1]', SYS_NAME]);
    expect(six.out.trim()).toBe('"L1"');
  });

  it('answers the odd requests of RFC 3416', async () => {
    await startAgent();
    const missing = await ask('snmpget', V2('public'), `${ROOT}.99.0`, `${ROOT}.1.1.1`, SYS_NAME);
    expect(missing.out).toMatch(/No Such Object[^]*No Such Instance[^]*"L1"/);
    expect((await ask('snmpgetnext', V2('public'), '2.9')).out).toContain('No more variables left');
    const bulk = async (...options: string[]) =>
      (await ask('snmpbulkget', [...V2('public'), ...options], SYS_NAME, `${ROOT}.3.4.1.7`, `${ROOT}.3.4.1.5`)).lines;
    expect(await bulk('-Cn1', '-Cr3')).toHaveLength(1 + 2 * 3);
    expect(await bulk('-Cn3', '-Cr3')).toHaveLength(3);
    expect(await bulk('-Cn0', '-Cr0')).toHaveLength(0);
    expect((await bulk('-Cn0', '-Cr20000')).length).toBeGreaterThan(100);
    const old = await ask('snmpget', ['-v1', '-c', 'public', ...PATIENCE], `${ROOT}.99.0`);
    expect(reason(old)).toBe('noSuchName');
  });

  it('lets in who has the keys, and nobody else', async () => {
    await startAgent();
    const name = async (who: readonly string[]) => {
      const { lines } = await ask('snmpget', [...who, '-Oqv'], SYS_NAME);
      const out = lines.join('\n');
      return /Reason: (\w+)/.exec(out)?.[1] ?? out.trim().replace(/^snmpget: /, '');
    };
    expect(await name(BOTH)).toBe('"L1"');
    expect(await name(user('strong', 'authPriv', ...auth('SHA-512'), ...privacy('AES-256')))).toBe('"L1"');
    expect(await name(user('stretched', 'authPriv', ...auth('SHA'), ...privacy('AES-192')))).toBe('"L1"');
    expect(await name(user('signed', 'authNoPriv', ...auth('SHA-384')))).toBe('"L1"');
    expect(await name(user('both', 'authPriv', ...auth('SHA-256', 'wrong password'), ...privacy('AES')))).toMatch(
      /^Authentication failure/,
    );
    expect(await name(user('both', 'authPriv', ...auth('SHA-256'), ...privacy('AES', 'wrong password')))).toMatch(
      /^Decryption error/,
    );
    expect(await name(user('both', 'authNoPriv', ...auth('SHA-256')))).toBe('authorizationError');
    expect(await name(user('both', 'noAuthNoPriv'))).toBe('authorizationError');
    expect(await name(user('signed', 'authPriv', ...auth('SHA-384'), ...privacy('AES')))).toMatch(
      /^Unsupported security level/,
    );
    expect(await name(user('nobody', 'noAuthNoPriv'))).toMatch(/^Unknown user name/);
    for (const community of ['elsewhere', 'none'])
      expect(await name(['-v2c', '-c', community, '-t', '1', '-r', '0'])).toMatch(/^Timeout/);
  });

  it('shows a view and nothing beside it', async () => {
    await startAgent();
    const all = (await ask('snmpwalk', V2('public'), `${ROOT}.3`)).lines;
    const shown = all.filter((line) => !line.startsWith(`.${ROOT}.3.4.1.7.`));
    expect(shown.length).toBeLessThan(all.length);
    const seen = async (who: readonly string[]) =>
      (await ask('snmpbulkwalk', who, '1.3')).lines.filter((line) => !line.includes('No more variables'));
    expect(await seen(V2('narrow'))).toEqual(shown);
    expect(await seen(user('open', 'noAuthNoPriv'))).toEqual(shown);
    expect((await ask('snmpget', V2('narrow'), WEIGHT)).out).toContain('No Such Object');
  });

  it('sets all of several variables or none, and tells control who asked', async () => {
    const running = await startAgent();
    const set = async (who: readonly string[], ...words: string[]) => reason(await ask('snmpset', who, ...words));
    const weight = async () => (await ask('snmpget', [...V2('public'), '-Oqv'], WEIGHT)).out.trim();
    expect(await set(V2('private'), WEIGHT, 'i', '9', PRIORITY, 'i', '300')).toBe('wrongValue');
    expect(await set(V2('private'), WEIGHT, 's', 'text')).toBe('wrongType');
    expect(await set(V2('private'), WEIGHT, 'x', '00ff80fe')).toBe('wrongType');
    expect(await set(V2('private'), WEIGHT, 'i', '-1')).toBe('wrongValue');
    expect(await set(V2('private'), `${ROOT}.3.4.1.7.9.9`, 'i', '1')).toBe('noCreation');
    expect(await set(V2('private'), `${ROOT}.3.4.1.6.1.1`, 'i', '1')).toBe('notWritable');
    expect(await set(V2('private'), SYS_NAME, 's', 'x')).toBe('notWritable');
    expect(await set(V2('public'), WEIGHT, 'i', '9')).toBe('noAccess');
    expect(await set(['-v1', '-c', 'private', ...PATIENCE], PRIORITY, 'i', '300')).toBe('badValue');
    expect(await weight()).toBe('1');
    expect((await ask('snmpset', V2('private'), WEIGHT, 'i', '9', PRIORITY, 'i', '30')).code).toBe(0);
    expect((await ask('snmpset', BOTH, WEIGHT, 'i', '0')).code).toBe(0);
    expect(await weight()).toBe('0');
    expect(running.events.filter(({ type }) => type === 'set').map(({ actor }) => actor)).toEqual([
      'v2c from 127.0.0.1',
      'user both from 127.0.0.1',
    ]);
    running.refuse(true);
    await running.status();
    expect(await set(BOTH, WEIGHT, 'i', '5')).toBe('commitFailed');
    expect(await weight()).toBe('0');
  });

  it('sets a hundred variables, or none of them for one that is bad', async () => {
    const running = await startAgent(realServerRows(100));
    const weights = Array.from({ length: 100 }, (_, i) => `${ROOT}.3.4.1.7.1.${i + 1}`);
    const set = (last: string) =>
      ask('snmpset', BOTH, ...weights.flatMap((name, i) => [name, 'i', i < 99 ? '7' : last]));
    const refused = await set('-1');
    expect(reason(refused)).toBe('wrongValue');
    expect(refused.out).toMatch(/Failed object: \S+\.3\.4\.1\.7\.1\.100\b/);
    expect(running.events.filter(({ type }) => type === 'set')).toEqual([]);
    expect((await set('7')).code).toBe(0);
    expect(running.events.filter(({ type }) => type === 'set')).toHaveLength(1);
    const shown = (await ask('snmpbulkwalk', [...V2('public'), '-Oqv'], `${ROOT}.3.4.1.7`)).lines;
    expect(shown).toEqual(weights.map(() => '7'));
  });

  it('takes no weaker protocol than the user has', async () => {
    await startAgent();
    const get = async (who: readonly string[]) => (await ask('snmpget', [...who, '-Oqv'], SYS_NAME)).out;
    for (const protocol of ['MD5', 'SHA', 'SHA-224', 'SHA-512'])
      expect(await get(user('both', 'authPriv', ...auth(protocol), ...privacy('AES'))), protocol).toMatch(
        /Authentication failure/,
      );
    expect(await get(user('both', 'authPriv', ...auth('SHA-256'), ...privacy('AES-256')))).toMatch(/Decryption error/);
    // Its name is no community, and a community no user.
    for (const version of ['-v1', '-v2c'])
      expect(await get([version, '-c', 'both', '-t', '1', '-r', '0']), version).toMatch(/^Timeout/m);
    expect(await get(user('private', 'noAuthNoPriv'))).toMatch(/Unknown user name/);
  });

  it('tells a manager whose clock is off, and answers when it has set it', async () => {
    // A clock of no boots would be none.
    for (let i = 0; i < 2; i++) await (await startAgent()).kill();
    const running = await startAgent();
    const [boots] = (await ask('snmpget', [...BOTH, '-Oqv'], ENGINE_BOOTS)).lines;
    const usm = async () => {
      const counters = (await running.status()).status.standalone?.counters['usm'];
      return (counters as Readonly<Record<string, number>>)['notInTimeWindows'] ?? 0;
    };
    for (const [clock, refused, answered] of [
      [`${boots},60`, false, true],
      // It takes the engine's clock for its own.
      [`${Number(boots) - 1},0`, true, true],
      // For a manager of net-snmp, the engine's clock goes forward only.
      [`${Number(boots) + 1},0`, true, false],
      [`${boots},100000`, true, false],
    ] as const) {
      const before = await usm();
      const patience = answered ? [] : ['-t', '1', '-r', '1'];
      const { lines } = await ask('snmpget', [...BOTH, ...patience, '-Z', clock, '-Oqv'], SYS_NAME);
      expect(lines.includes('"L1"'), clock).toBe(answered);
      expect((await usm()) > before, clock).toBe(refused);
    }
  });

  it('takes a signed and encrypted SET that is replayed after a restart for what it is', async () => {
    const tape = new Recorder();
    const first = await startAgent();
    const proxy = await tape.listen(stand.namespace);
    expect((await stand.run('snmpset', [...BOTH, `127.0.0.1:${proxy}`, WEIGHT, 'i', '9'])).code).toBe(0);
    expect(first.events.filter(({ type }) => type === 'set')).toHaveLength(1);
    await first.kill();
    const second = await startAgent();
    const answers = await tape.replay();
    await tape.close();
    expect(answers).toBeGreaterThan(0);
    expect(second.events.filter(({ type }) => type === 'set')).toEqual([]);
    expect((await ask('snmpget', [...V2('public'), '-Oqv'], WEIGHT)).out.trim()).toBe('1');
  });

  it('completes 24 walks at a time', async () => {
    await startAgent();
    const walk = () => ask('snmpbulkwalk', [...BOTH, '-Cr30'], ROOT);
    const alone = (await walk()).out;
    const all = await Promise.all(Array.from({ length: 24 }, walk));
    for (const { out } of all) expect(out).toBe(alone);
  });

  it('keeps its engine id across restarts, and counts its boots', async () => {
    const value = async (name: string) => (await ask('snmpget', [...BOTH, '-Oqv'], name)).out.trim();
    const engine = async () => [await value('1.3.6.1.6.3.10.2.1.1.0'), await value(ENGINE_BOOTS)];
    await startAgent();
    const [id, boots] = await engine();
    await agent?.kill();
    await startAgent();
    expect(await engine()).toEqual([id, String(Number(boots) + 1)]);
  });
});

describe('notifications to receivers of our own', () => {
  function startTrapd(): void {
    const conf = join(stand.directory, 'snmptrapd.conf');
    const engineId = JSON.parse(readFileSync(engineFile, 'utf8')).engineId;
    writeFileSync(
      conf,
      [
        'authCommunity log traps',
        'authCommunity log informs',
        `createUser -e 0x${engineId} both SHA-256 "${KEY}" AES "${KEY}"`,
        `createUser strong SHA-512 "${KEY}" AES-256 "${KEY}"`,
        'authUser log both priv',
        'authUser log strong priv',
        'format2 %P | %v\\n',
        'doNotLogTraps no',
        '',
      ].join('\n'),
    );
    const words = ['-f', '-C', '-c', conf, '-Lf', log, '-On', '-F', '%P | %v\\n', 'udp:127.0.0.1:1162'];
    trapd = spawn('ip', ['netns', 'exec', stand.namespace, 'snmptrapd', ...words], {
      stdio: 'ignore',
      env: { ...process.env, MIBS: '', SNMP_PERSISTENT_DIR: join(stand.directory, 'trapd') },
    });
  }

  /** Of each line: by which receiver it came, and the state of the instance. */
  function received(): Record<string, number[]> {
    const found: Record<string, number[]> = {};
    let text: string;
    try {
      text = readFileSync(log, 'utf8');
    } catch {
      return found;
    }
    for (const line of text.split('\n')) {
      const how = /^(TRAP2|INFORM).*?(community \w+|user \w+)/.exec(line)?.[2];
      const state = new RegExp(`\\.${ROOT.replaceAll('.', '\\.')}\\.2\\.3\\.1\\.4\\.1 = INTEGER: (\\d+)`).exec(
        line,
      )?.[1];
      if (how !== undefined && state !== undefined) (found[how] ??= []).push(Number(state));
    }
    return found;
  }

  it('come once, in order, with their variables; informs wait for a receiver that is away', async () => {
    const running = await startAgent();
    // Nobody is there yet: the traps are lost, the informs are not.
    const states = ['backup', 'master', 'fault', 'backup', 'master'] as const;
    for (const state of states.slice(0, 2)) running.notify({ kind: 'instance-state', instance: 'VI_1', state });
    await until('informs are repeated', async () =>
      (await running.status()).status.receivers.every(({ repeated, sent }, i) =>
        i % 2 === 0 ? sent === 2 : repeated > 0,
      )
        ? true
        : undefined,
    );
    startTrapd();
    await until(
      'the informs arrive',
      async () => {
        const { receivers } = (await running.status()).status;
        return receivers.every(({ queued }) => queued === 0) ? true : undefined;
      },
      90_000,
    );
    for (const state of states.slice(2)) running.notify({ kind: 'instance-state', instance: 'VI_1', state });
    await until(
      'everything has arrived',
      async () => {
        const found = received();
        const [informs, traps] = [
          ['community informs', 'user strong'],
          ['community traps', 'user both'],
        ];
        return informs.every((how) => (found[how]?.length ?? 0) >= 5) &&
          traps.every((how) => (found[how]?.length ?? 0) >= 3)
          ? true
          : undefined;
      },
      60_000,
    );
    expect(received()).toEqual({
      'community traps': [3, 1, 2],
      'user both': [3, 1, 2],
      'community informs': [1, 2, 3, 1, 2],
      'user strong': [1, 2, 3, 1, 2],
    });
    expect(readFileSync(log, 'utf8')).toContain(`.${ROOT}.1.2.0 = STRING: "L1"`);
    expect(readFileSync(log, 'utf8')).toContain(`OID: .${ROOT}.2.10.0.2`);
  });

  it('are kept for a receiver that is away, the last 1000 of them', async () => {
    const running = await startAgent();
    for (let i = 0; i < QUEUE + 100; i++) running.notify({ kind: 'instance-state', instance: 'VI_1', state: 'backup' });
    const informed = async () => (await running.status()).status.receivers[1];
    await until('all have been told', async () => ((await informed())?.dropped === 100 ? true : undefined), 60_000);
    expect((await informed())?.queued).toBe(QUEUE);
    startTrapd();
    await until('they are acknowledged', async () => ((await informed())?.queued === 0 ? true : undefined), 90_000);
    // snmptrapd begins its log anew.
    const written = () => received()['community informs']?.length ?? 0;
    await until('they are written down', async () => (written() >= QUEUE ? true : undefined));
    expect(written()).toBe(QUEUE);
  });
});
