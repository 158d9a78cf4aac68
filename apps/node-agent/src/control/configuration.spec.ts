import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
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

  it('of a gibibyte is refused without being read, and so is one that is included', () => {
    const huge = join(directory, 'huge.conf');
    writeFileSync(huge, '');
    truncateSync(huge, 2 ** 30);
    writeFileSync(path, `include ${huge}\n`);
    const reading = readConfiguration(path, { allIncludes: true });
    expect(reading.ok ? [] : reading.diagnostics).toMatchObject([{ kind: 'include', line: 1 }]);
    truncateSync(path, 2 ** 30);
    expect(refusal()).toContain('1073741824 bytes, more than');
  });

  it('has one hash whatever the order of its blocks, its comments and blanks, and another with another setting', () => {
    const hashes = (text: string) => {
      writeFileSync(path, text);
      const reading = readConfiguration(path);
      return reading.ok ? reading.configuration : undefined;
    };
    const [script, globals] = ['vrrp_script s {\n script /bin/true\n}\n', 'global_defs {\n router_id a\n}\n'];
    const first = hashes(`${globals}${script}`);
    const second = hashes(`# why\n${script}${globals.replace(' router', '\t\trouter')}`);
    expect(first?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(second?.hash).toBe(first?.hash);
    expect(second?.textHash).not.toBe(first?.textHash);
    expect(hashes(`${globals}${script}`.replace('router_id a', 'router_id b'))?.hash).not.toBe(first?.hash);
  });

  it('with an error on every line is not repeated whole', () => {
    writeFileSync(path, 'a\0b\n'.repeat(10_000));
    const { usable, lines } = checkConfiguration(path);
    expect(usable).toBe(false);
    expect(lines).toHaveLength(52);
    expect(lines.at(-2)).toMatch(/^and \d+ more/);
  });
});
