import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Accounts } from './accounts.ts';

const MINUTE = 60_000;
const directory = mkdtempSync(join(tmpdir(), 'kf-accounts-'));
const calls = join(directory, 'calls');
const path = process.env['PATH'];
let now = 0;
let accounts: Accounts;

beforeEach(() => {
  now = 0;
  accounts = new Accounts(() => now);
  process.env['PATH'] = `${directory}:${path}`;
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(calls, { force: true });
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A directory service, as getent tells of it. */
function service(answer: string): void {
  const file = join(directory, 'getent');
  writeFileSync(file, `#!/bin/sh\necho "$1 $2" >>${calls}\n${answer}\n`);
  chmodSync(file, 0o755);
}
const asked = () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n').length : 0);
const KNOWS = 'case $1 in passwd) echo "$2:x:4711:4712::/:/bin/sh";; group) echo "$2:x:4713:";; esac';
const AWAY = 'kill -9 $$';
const NOBODY = 'exit 2';

describe('a user', () => {
  it('of the file needs no service', async () => {
    service(AWAY);
    expect(await accounts.find('root', null)).toEqual({ uid: 0, gid: 0 });
    expect(await accounts.find('0', 'root')).toEqual({ uid: 0, gid: 0 });
    expect(asked()).toBe(0);
  });

  it('of a directory service is asked for once a minute, by however many scripts at a time', async () => {
    service(KNOWS);
    const both = [accounts.find('kf-bob', null), accounts.find('kf-bob', null)];
    expect(await Promise.all(both)).toEqual([
      { uid: 4711, gid: 4712 },
      { uid: 4711, gid: 4712 },
    ]);
    await accounts.find('kf-bob', null);
    expect(asked()).toBe(1);
    expect(await accounts.find('kf-bob', 'kf-ops')).toEqual({ uid: 4711, gid: 4713 });
  });

  it.each([
    ['does not answer', AWAY],
    ['fails', 'exit 1'],
  ])('that a service that %s knows nothing of is no missing one, and is asked for again', async (_, answer) => {
    service(answer);
    expect(await accounts.find('kf-bob', null)).toMatchObject({ local: true });
    service(KNOWS);
    expect(await accounts.find('kf-bob', null)).toEqual({ uid: 4711, gid: 4712 });
  });

  it('stays known while the service is away, and follows it when it is back', async () => {
    service(KNOWS);
    await accounts.find('kf-bob', null);
    now += MINUTE;
    service(AWAY);
    for (let i = 0; i < 3; i++) {
      expect(await accounts.find('kf-bob', null)).toEqual({ uid: 4711, gid: 4712 });
      now += MINUTE;
    }
    service(NOBODY);
    await expect.poll(() => accounts.find('kf-bob', null)).toEqual({ reason: 'there is no user kf-bob', local: false });
  });

  it('that there is not is missing for some seconds, and then asked for again', async () => {
    service(NOBODY);
    const missing = { reason: 'there is no user kf-bob', local: false };
    expect(await accounts.find('kf-bob', null)).toEqual(missing);
    service(KNOWS);
    expect(await accounts.find('kf-bob', null)).toEqual(missing);
    now += MINUTE;
    expect(await accounts.find('kf-bob', null)).toEqual({ uid: 4711, gid: 4712 });
  });

  it('in numbers need not be known, but has no group then', async () => {
    service(NOBODY);
    expect(await accounts.find('4714', '4715')).toEqual({ uid: 4714, gid: 4715 });
    expect(await accounts.find('4714', null)).toMatchObject({ local: false });
    expect(await accounts.find('root', 'kf-nobody')).toEqual({ reason: 'there is no group kf-nobody', local: false });
    expect(await accounts.find('--help', null)).toMatchObject({ local: false });
  });
});
