import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { type RunningScript, type ScriptCommand, type ScriptEnd, type ScriptRefusal, startScript } from './script.ts';

const DEADLINE = 120_000;
const directory = mkdtempSync(join(tmpdir(), 'kf-script-'));
const path = process.env['PATH'];
afterAll(() => rmSync(directory, { recursive: true }));

/** How it ended, and whether it began. */
async function run(changes: Partial<ScriptCommand>, then: (running: RunningScript) => void = () => undefined) {
  let began = false;
  const end = await new Promise<ScriptEnd | ScriptRefusal>((resolve) => {
    const command = { argv: ['true'], user: 'root', group: null, secure: false, ...changes };
    then(startScript(command, resolve, { began: () => (began = true) }));
  });
  return { ...end, began };
}

/** With a directory service, as getent tells of it. */
async function withService<T>(answer: string, then: () => Promise<T>): Promise<T> {
  const getent = join(directory, 'getent');
  writeFileSync(getent, `#!/bin/sh\n${answer}\n`);
  chmodSync(getent, 0o755);
  process.env['PATH'] = `${directory}:${path}`;
  try {
    return await then();
  } finally {
    process.env['PATH'] = path;
  }
}

describe.runIf(process.getuid?.() === 0)('a program', () => {
  it('runs as its user and group, or as another group', async () => {
    const isIt = (numbers: string) => ['sh', '-c', `test "$(id -u):$(id -g)" = ${numbers}`];
    const good = { status: 0, signal: null, began: true };
    expect(await run({ argv: isIt('1:1'), user: 'daemon' })).toEqual(good);
    expect(await run({ argv: isIt('1:2'), user: 'daemon', group: 'bin' })).toEqual(good);
    expect(await run({ argv: isIt('0:0') })).toEqual(good);
  });

  it('is not run as root when others can change it and that matters', async () => {
    const file = join(directory, 'open.sh');
    writeFileSync(file, '#!/bin/sh\nexit 0\n');
    chmodSync(file, 0o777);
    const refused = await run({ argv: [file], secure: true });
    expect(refused).toMatchObject({ local: false, began: false });
    expect('reason' in refused && refused.reason).toMatch(
      /^is not run as root with enable_script_security: .*open\.sh can be/,
    );
    expect(await run({ argv: [file] })).toMatchObject({ status: 0 });
  });

  it('that is ended while somebody is asked for its user never begins, which is no fault of it', async () => {
    const end = await withService('sleep 1\nexit 2', () =>
      run({ user: 'kf-carol' }, (running) => setImmediate(() => running.kill('SIGTERM'))),
    );
    expect(end).toEqual({ reason: expect.stringMatching(/^was not begun/), local: true, began: false });
  });

  it('of nobody runs as root while nobody says whether there is a keepalived_script, unless that matters', async () => {
    await withService('kill -9 $$', async () => {
      const isRoot = ['sh', '-c', 'test "$(id -u)" = 0'];
      expect(await run({ argv: isRoot, user: null })).toEqual({ status: 0, signal: null, began: true });
      const reason: unknown = expect.stringMatching(/^cannot be run: nobody says who keepalived_script is/);
      expect(await run({ argv: isRoot, user: null, secure: true })).toEqual({ reason, local: true, began: false });
    });
    await withService('exit 2', async () =>
      expect(await run({ user: null, secure: true })).toMatchObject({ status: 0, began: true }),
    );
  });

  it('that is abandoned leaves no child behind that ignores SIGTERM', async () => {
    const file = join(directory, 'pid');
    const text = `(trap '' TERM; exec sleep 300) & echo $! > ${file}.new; mv ${file}.new ${file}; wait`;
    let ended = false;
    const script = startScript(
      { argv: ['/bin/sh', '-c', text], user: null, group: null, secure: false },
      () => (ended = true),
    );
    try {
      await waitFor(() => existsSync(file), { deadline: DEADLINE, what: 'the child of the script' });
      const child = Number(readFileSync(file, 'utf8'));
      const isSleep = () =>
        existsSync(`/proc/${child}/cmdline`) && /sleep/.test(readFileSync(`/proc/${child}/cmdline`, 'utf8'));
      await waitFor(isSleep, { deadline: DEADLINE, what: 'its command' });
      script.abandon();
      await waitFor(() => ended, { deadline: DEADLINE, what: 'the end of the script' });
      // The command line of a zombie is empty: not every init takes care of orphans.
      await waitFor(() => !isSleep(), { deadline: DEADLINE, what: 'the end of its child' });
    } finally {
      script.kill('SIGKILL');
    }
  });
});
