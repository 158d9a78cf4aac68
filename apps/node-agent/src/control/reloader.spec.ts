import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../log.ts';
import type { Configuration } from './configuration.ts';
import { LastGoodStore } from './last-good.ts';
import { Reloader } from './reloader.ts';

let directory = '';
let path = '';
let forced: string[] = [];
let notes: string[] = [];
let refusal: string | undefined;
/** What the disk says of each configuration at the moment that it is put in force. */
let trusted: boolean[] = [];
const reloaders: Reloader[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-reloader-'));
  path = join(directory, 'keepalived.conf');
  forced = [];
  notes = [];
  trusted = [];
  refusal = undefined;
});
afterEach(() => {
  for (const reloader of reloaders.splice(0)) reloader.close();
  rmSync(directory, { recursive: true });
});

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as Log;

function agent() {
  const reloader = new Reloader({
    path,
    reading: { configId: 'l1' },
    defaultReloadFile: join(directory, 'reloading'),
    lastGood: new LastGoodStore(directory),
    log: silent,
    target: {
      configure: async ({ config, textHash }: Configuration) => {
        trusted.push(new LastGoodStore(directory).unconfirmed !== textHash);
        forced.push(config.globalDefs.routerId ?? '');
        return undefined;
      },
      // Only of the newest, as a process refuses it.
      refusal: () => (refusal !== undefined && forced.at(-1) === 'refused' ? refusal : undefined),
      refuseConfiguration: () => notes.push('refused'),
      note: ({ kind }) => notes.push(kind),
    },
  });
  reloaders.push(reloader);
  return reloader;
}

const write = (name: string, more = '') => writeFileSync(path, `global_defs {\n router_id ${name}\n${more}}\n`);

describe('a reload', () => {
  it('puts the file in force and keeps it for the next start', async () => {
    write('a');
    const reloader = agent();
    expect(await reloader.start()).toMatchObject({ done: true });
    write('b');
    expect(await reloader.reload()).toMatchObject({ done: true });
    expect(forced).toEqual(['a', 'b']);
    expect(new LastGoodStore(directory).read()?.hash).toBe(reloader.current?.hash);
  });

  it('of a file with an error changes nothing and says where it is', async () => {
    write('a');
    const reloader = agent();
    await reloader.start();
    const { hash } = reloader.current ?? {};
    writeFileSync(path, 'global_defs {\n router_id\n}\n');
    const outcome = await reloader.reload();
    expect(outcome.done).toBe(false);
    expect(outcome.messages[0]).toContain(`${path}:2:`);
    expect(reloader.current?.hash).toBe(hash);
    expect(forced).toEqual(['a']);
    expect(notes).toEqual(['refused']);
  });

  it('that a process refuses puts back what was before', async () => {
    write('a');
    const reloader = agent();
    await reloader.start();
    refusal = 'no';
    write('refused');
    expect(await reloader.reload()).toMatchObject({ done: false, detail: expect.stringContaining('no') });
    expect(forced).toEqual(['a', 'refused', 'a']);
    expect(new LastGoodStore(directory).read()?.text).toContain('router_id a');
  });

  it('that an end overtakes is neither put in force nor refused', async () => {
    write('a');
    const reloader = agent();
    await reloader.start();
    refusal = 'the process is stopping';
    write('refused');
    const reloaded = reloader.reload();
    reloader.close();
    expect(await reloaded).toMatchObject({ done: false, detail: 'the agent is stopping' });
    expect([forced, notes]).toEqual([['a'], []]);
  });

  it('is taken back unless it is confirmed', async () => {
    write('a');
    const reloader = agent();
    await reloader.start();
    write('b');
    const outcome = await reloader.reload(60);
    expect(outcome.detail).toContain('60 s');
    expect(reloader.revertsAt).toBeDefined();
    expect(new LastGoodStore(directory).read()?.text).toContain('router_id a');
    expect(await reloader.revert()).toMatchObject({ done: true });
    expect(forced).toEqual(['a', 'b', 'a']);
    expect(reloader).toMatchObject({ fromLastGood: true, revertsAt: undefined });
    expect(notes).toEqual(['config.reverted']);
  });

  it('that nobody confirms comes back by itself', async () => {
    write('a');
    const reloader = agent();
    await reloader.start();
    write('b');
    await reloader.reload(1);
    await expect.poll(() => forced).toEqual(['a', 'b', 'a']);
  });

  it('that is confirmed stays, and is the last good one then', async () => {
    write('a');
    const reloader = agent();
    await reloader.start();
    write('b');
    await reloader.reload(60);
    expect(await reloader.confirm()).toMatchObject({ done: true });
    expect(await reloader.revert()).toMatchObject({ done: false });
    expect(forced).toEqual(['a', 'b']);
    expect(new LastGoodStore(directory).read()?.text).toContain('router_id b');
  });

  it('of another file meanwhile brings back the last one that was confirmed', async () => {
    write('a');
    const reloader = agent();
    await reloader.start();
    write('b');
    await reloader.reload(60);
    write('c');
    await reloader.reload();
    await reloader.revert();
    expect(forced).toEqual(['a', 'b', 'c', 'a']);
  });

  it('that waits for its confirmation is never trusted by a start, wherever the agent dies before', async () => {
    write('a');
    const reloader = agent();
    await reloader.start();
    write('b');
    await reloader.reload(60);
    write('c');
    await reloader.reload();
    expect(trusted).toEqual([true, false, false]);
    const start = { path, reading: { configId: 'l1' }, lastGood: new LastGoodStore(directory) };
    const reading = Reloader.atStart(start);
    expect(reading).toMatchObject({ ok: true, why: expect.stringContaining('nobody confirmed') });
    expect(reading.ok && reading.configuration.config.globalDefs.routerId).toBe('a');
    await reloader.confirm();
    expect(Reloader.atStart(start)).not.toHaveProperty('why');
  });

  it('that is refused while another waits leaves that one waiting', async () => {
    write('a');
    const reloader = agent();
    await reloader.start();
    write('b');
    await reloader.reload(60);
    const waiting = new LastGoodStore(directory).unconfirmed;
    refusal = 'no';
    write('refused');
    await reloader.reload(60);
    expect(new LastGoodStore(directory).unconfirmed).toBe(waiting);
    expect(reloader.revertsAt).toBeDefined();
  });

  it('takes no warnings with reload_check_config, and writes them down', async () => {
    const log = join(directory, 'check.log');
    write('a', ` reload_check_config ${log}\n`);
    const reloader = agent();
    await reloader.start();
    write('b', ' nonsense\n');
    expect(await reloader.reload()).toMatchObject({ done: false });
    expect(readFileSync(log, 'utf8')).toContain('nonsense');
    write('c');
    expect(await reloader.reload()).toMatchObject({ done: true });
    expect(forced).toEqual(['a', 'c']);
  });
});

describe('a start', () => {
  it('goes by the last good configuration, with its includes, where the file is broken', async () => {
    const include = join(directory, 'inner.conf');
    writeFileSync(include, ' router_id inner\n');
    writeFileSync(path, `global_defs {\n include ${include}\n}\n`);
    await agent().start();
    writeFileSync(path, 'vrrp_instance {\n');
    rmSync(include);
    const second = agent();
    expect(await second.start()).toMatchObject({ done: true });
    expect(forced).toEqual(['inner', 'inner']);
    expect(second.fromLastGood).toBe(true);
    expect(notes).toEqual(['config.last-good']);
  });

  it('does not go by a file that a reload brought and nobody confirmed', async () => {
    write('a');
    const first = agent();
    await first.start();
    write('b');
    await first.reload(60);
    // As after a crash: the timer is gone, the mark is not.
    first.close();
    const second = agent();
    await second.start();
    expect(forced).toEqual(['a', 'b', 'a']);
    // Whoever asks for it again means it.
    await second.reload();
    expect(forced.at(-1)).toBe('b');
  });

  it('keeps it as an earlier agent takes it, whose hash is that of the text', async () => {
    write('a');
    const reloader = agent();
    await reloader.start();
    const kept = JSON.parse(readFileSync(join(directory, 'last-good.json'), 'utf8')) as { hash: string };
    expect(kept.hash).toBe(reloader.current?.textHash);
    expect(kept.hash).not.toBe(reloader.current?.hash);
  });

  it('does not trust a last good configuration that was changed', async () => {
    write('a');
    await agent().start();
    const kept = join(directory, 'last-good.json');
    writeFileSync(kept, readFileSync(kept, 'utf8').replace('router_id a', 'router_id x'));
    writeFileSync(path, '}\n');
    expect(await agent().start()).toMatchObject({ done: false });
    expect(new LastGoodStore(directory).read()).toBeUndefined();
  });
});
