import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { factsAbout } from './host-facts.ts';

let directory = '';
const path = process.env['PATH'];

/** Stands in for getent: a name service that knows names with an a, not those with an n, and never answers of others. */
const GETENT = (pids: string) => `#!/bin/sh
case "$3" in
a*) exit 0 ;;
n*) exit 2 ;;
esac
echo $$ >> ${pids}
exec sleep 1000
`;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-host-facts-'));
  writeFileSync(join(directory, 'getent'), GETENT(join(directory, 'pids')));
  chmodSync(join(directory, 'getent'), 0o755);
  process.env['PATH'] = `${directory}:${path}`;
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(directory, { recursive: true });
});

describe('facts about this node', () => {
  it('say of each of a thousand names whether it is there', async () => {
    const users = Array.from({ length: 1_000 }, (_, i) => String(i));
    const programs = Array.from({ length: 1_000 }, (_, i) => `/nowhere/${i}`);
    const facts = await factsAbout({ users: [...users, 'ann', 'nn'], groups: ['nn', 'a', 'a'], programs });
    expect(facts.users).toEqual({ ...Object.fromEntries(users.map((name) => [name, true])), ann: true, nn: false });
    expect(facts.groups).toEqual({ nn: false, a: true });
    expect(Object.keys(facts.programs ?? {})).toHaveLength(1_000);
  });

  it('leave out what a name service does not tell in time, and hold nothing up meanwhile', async () => {
    const end = new AbortController();
    const hanging = Array.from({ length: 50 }, (_, i) => `hangs${i}`);
    const facts = factsAbout({ users: ['7', ...hanging], groups: [], programs: ['/nowhere'] }, end.signal);
    const pids = () => {
      const file = join(directory, 'pids');
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
    };
    await vi.waitFor(() => expect(pids()).toHaveLength(4));
    end.abort();
    expect(await facts).toMatchObject({ users: { 7: true }, programs: { '/nowhere': { state: 'missing' } } });
    expect(Object.keys((await facts).users ?? {})).toEqual(['7']);
    await vi.waitFor(() => expect(pids().filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]));
  });
});
