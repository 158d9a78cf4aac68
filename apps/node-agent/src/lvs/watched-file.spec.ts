import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { WatchedFile, numberIn } from './watched-file.ts';

const DEADLINE = 60_000;
const directory = mkdtempSync(join(tmpdir(), 'kf-watched-'));
const path = (name: string) => join(directory, name);
afterAll(() => rmSync(directory, { recursive: true }));

const watched: WatchedFile[] = [];
afterEach(() => {
  for (const file of watched.splice(0)) file.stop();
});

function watching(file: string) {
  let value: number | undefined;
  const one = new WatchedFile(file, (now) => (value = now));
  watched.push(one);
  one.start();
  return { becomes: (wanted: number) => waitFor(() => value === wanted, { deadline: DEADLINE, what: `${wanted}` }) };
}

describe('a watched file', () => {
  it('is seen again when its directory is another one', async () => {
    mkdirSync(path('d'));
    writeFileSync(path('d/f'), '3');
    const file = watching(path('d/f'));
    await file.becomes(3);
    rmSync(path('d'), { recursive: true });
    mkdirSync(path('d'));
    writeFileSync(path('d/f'), '7');
    await file.becomes(7);
    renameSync(path('d'), path('old'));
    await file.becomes(0);
    mkdirSync(path('d'));
    writeFileSync(path('d/f'), '8');
    await file.becomes(8);
  });

  it('is seen through links that change, and what they point to', async () => {
    for (const name of ['a', 'b']) writeFileSync(path(name), name === 'a' ? '1' : '2');
    mkdirSync(path('links'));
    symlinkSync(path('a'), path('links/f'));
    const file = watching(path('links/f'));
    await file.becomes(1);
    writeFileSync(path('a'), '5');
    await file.becomes(5);
    symlinkSync(path('b'), path('links/new'));
    renameSync(path('links/new'), path('links/f'));
    await file.becomes(2);
  });

  it('has no number while its directory is a link to itself, and is seen again after it', async () => {
    mkdirSync(path('loop'));
    writeFileSync(path('loop/f'), '4');
    const file = watching(path('loop/f'));
    await file.becomes(4);
    renameSync(path('loop'), path('kept'));
    symlinkSync(path('loop'), path('loop'));
    await file.becomes(0);
    rmSync(path('loop'));
    renameSync(path('kept'), path('loop'));
    await file.becomes(4);
  });

  it('has no number where it is a pipe, and holds nobody up', () => {
    execFileSync('mkfifo', [path('pipe')]);
    expect(numberIn(path('pipe'))).toBe(0);
    expect(numberIn(directory)).toBe(0);
  });
});
