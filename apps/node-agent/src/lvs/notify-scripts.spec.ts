import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { NotifyScripts } from './notify-scripts.ts';

const DEADLINE = 120_000;
const directory = mkdtempSync(join(tmpdir(), 'kf-notify-scripts-'));
const path = (name: string) => join(directory, name);
const said: string[] = [];
const say = (_: object, text: string) => said.push(text);
const log = { warn: say, error: say } as never;
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => {
  said.length = 0;
  rmSync(path('ran'), { force: true });
});

const user = process.getuid?.() === 0 ? 'root' : null;
const shell = (text: string) => ({ argv: ['/bin/sh', '-c', text], user, group: null, secure: false });
const script = (name: number) => shell(`echo ${name} >>${path('ran')}`);
const ran = () => (existsSync(path('ran')) ? readFileSync(path('ran'), 'utf8').trim().split('\n').map(Number) : []);

describe('notify scripts', () => {
  it('of a mass failure all run, in order, and so many at once', async () => {
    const scripts = new NotifyScripts(log, { running: 1, waiting: 100 });
    scripts.run(shell(`until test -e ${path('gate')}; do sleep 0.1; done`));
    for (let i = 0; i < 50; i++) scripts.run(script(i));
    expect(scripts.waiting).toBe(50);
    expect(said).toEqual(['1 notify scripts run; more wait until one of them ends']);
    writeFileSync(path('gate'), '');
    await waitFor(() => ran().length === 50, { deadline: DEADLINE, what: '50 scripts' });
    expect(ran()).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect([scripts.waiting, scripts.lost, said.length]).toEqual([0, 0, 1]);
  });

  it('beyond what can wait are given up one by one, with a line and a count', async () => {
    const scripts = new NotifyScripts(log, { running: 1, waiting: 2 });
    for (let i = 0; i < 5; i++) scripts.run(script(i));
    expect(scripts.lost).toBe(2);
    expect(said.slice(1)).toEqual([
      'not run: 2 notify scripts wait already, for 1 that run; do they end?',
      'not run: 2 notify scripts wait already, for 1 that run; do they end?',
    ]);
    await waitFor(() => ran().length === 3, { deadline: DEADLINE, what: 'three scripts' });
  });

  it('that wait at the end are begun, and those that run hold the process up for a second only', () => {
    const module = join(import.meta.dirname, 'notify-scripts.ts');
    const text = `
      import { NotifyScripts } from ${JSON.stringify(module)};
      const scripts = new NotifyScripts({ warn() {}, error() {} }, { running: 1, waiting: 500 });
      const shell = (text) => ({ argv: ['/bin/sh', '-c', text], user: ${JSON.stringify(user)}, group: null, secure: false });
      scripts.run(shell('exec sleep 20'));
      for (let i = 0; i < 100; i++) scripts.run(shell('echo ' + i + ' >>${path('ran')}'));
      scripts.end();`;
    writeFileSync(path('end.mts'), text);
    const from = performance.now();
    const { status, stderr } = spawnSync(process.execPath, [path('end.mts')], { encoding: 'utf8', timeout: 60_000 });
    expect([status, stderr]).toEqual([0, '']);
    expect(performance.now() - from).toBeLessThan(19_000);
    expect(ran().sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });
});
