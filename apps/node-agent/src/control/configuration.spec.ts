import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkConfiguration } from './check.ts';
import { readConfiguration } from './configuration.ts';

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-configuration-'));
  path = join(directory, 'keepalived.conf');
});
afterEach(() => rmSync(directory, { recursive: true }));

function refusal(): string {
  const reading = readConfiguration(path);
  return reading.ok ? '' : reading.reason;
}

describe('a keepalived.conf', () => {
  it.each(['', ' \n\n'])('that is empty is taken for one cut off, not for the wish to run nothing: %j', (text) => {
    writeFileSync(path, text);
    expect(refusal()).toContain('is empty');
  });

  it('with a comment alone asks for nothing', () => {
    writeFileSync(path, '# nothing here\n');
    expect(readConfiguration(path).ok).toBe(true);
  });

  it('that is a FIFO is refused instead of waited for', () => {
    execFileSync('mkfifo', [path]);
    expect(refusal()).toContain('not a regular file');
  });

  it('that is not there is refused with its name', () => {
    expect(refusal()).toContain(path);
  });

  it('with an error on every line is not repeated whole', () => {
    writeFileSync(path, 'a\0b\n'.repeat(10_000));
    const { usable, lines } = checkConfiguration(path);
    expect(usable).toBe(false);
    expect(lines).toHaveLength(52);
    expect(lines.at(-2)).toMatch(/^and \d+ more/);
  });
});
