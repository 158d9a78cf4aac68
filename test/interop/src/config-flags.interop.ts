import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// The test of a configuration on the command line, beside that of keepalived: its flags, exit codes and where messages go.
// Needs root and Debian's keepalived.

const AGENT = fileURLToPath(new URL('../../../bin/keepfleet-agent', import.meta.url));
const namespace = `kf-flags-${process.pid}`;
const directory = mkdtempSync(join(tmpdir(), 'kf-flags-'));
const SOMEBODY = 65_534;
const timeout = 120_000;

const instance = (lines: string) =>
  `vrrp_instance V {\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n 192.0.2.1\n }\n${lines}}\n`;
const FILES: Readonly<Record<string, string>> = {
  'clean.conf': 'global_defs {\n router_id a\n}\n',
  'unknown.conf': 'global_defs {\n router_idd a\n}\n',
  'range.conf': instance('priority 300\n'),
  'script.conf': instance('notify_master /bin/sh\n'),
  'script-range.conf': instance('notify_master /bin/sh\npriority 300\n'),
  'include.conf': 'global_defs {\n router_id a\n}\ninclude nowhere.conf\n',
  'open.conf': 'vrrp_instance V {\n',
  'missing.conf': 'global_defs {\n router_id\n}\n',
  'empty.conf': '',
  'secret.conf': 'global_defs {\n router_id a\n}\n',
  'secret-include.conf': 'global_defs {\n router_id a\n}\ninclude secret.conf\n',
  'secret-includer.conf': 'global_defs {\n router_id a\n}\nincluder secret.conf\n',
  'huge.conf': '',
  'huge-include.conf': 'include huge.conf\n',
  'loop.conf': 'include loop.conf\n',
  'loops.conf': 'include loop*.conf\ninclude loop*.conf\n',
  'id.conf': 'global_defs {\n@a router_id x\n@b router_idd x\n@^a router_iddd x\n}\n',
};

/** The arguments, and the exit codes of keepalived and of ours, with the reason where they are not the same. */
const CASES: readonly (readonly [args: readonly string[], theirs: number, ours: number, why?: string])[] = [
  [['-t', '-f', 'clean.conf'], 0, 0],
  [['--config-test', '--use-file=clean.conf'], 0, 0],
  [['-t', '--use-file', 'unknown.conf'], 5, 5],
  [['-t', '-f', 'range.conf'], 5, 5],
  [['-t', '-f', 'script.conf'], 6, 6],
  [['-t', '-f', 'script-range.conf'], 6, 6],
  [['-t', '-i', 'a', '-f', 'id.conf'], 0, 0],
  [['-t', '--config-id=a', '-f', 'id.conf'], 0, 0],
  [['-t', '-i', 'b', '-f', 'id.conf'], 5, 5],
  [['-t', '--config-id', 'c', '-f', 'id.conf'], 5, 5],
  [['-t', '-f', 'include.conf'], 0, 5, 'an include that finds nothing is a warning'],
  [['-t', '-e', '-f', 'include.conf'], 6, 4, 'the code of what is missing is not that of the safety of scripts'],
  [['-t', '--all-config', '-f', 'include.conf'], 6, 4, 'as with -e'],
  [['-t', '-f', 'open.conf'], 5, 4, 'it would be refused'],
  [['-t', '-f', 'missing.conf'], 5, 4, 'it would be refused'],
  [['-t', '-f', 'empty.conf'], 0, 4, 'it would be refused'],
  [['-t', '-f', 'nowhere.conf'], 0, 7, 'there is no such file'],
  [['-t', '-f', 'directory'], 0, 7, 'it is no file'],
];

/** The same where what another user keeps for himself is not to be read. */
const UNREADABLE: typeof CASES = [
  [['-t', '-f', 'secret.conf'], 4, 7, 'as for a file that is not there'],
  [['-t', '-e', '-f', 'secret.conf'], 4, 7, 'as for a file that is not there'],
  [['-t', '-f', 'secret-include.conf'], 0, 5, 'what is left out is told'],
  [['-t', '-e', '-f', 'secret-include.conf'], 6, 4, 'the code of what is missing is not that of the safety of scripts'],
  [['-t', '-f', 'secret-includer.conf'], 6, 4, 'the same'],
];

beforeAll(() => {
  execFileSync('ip', ['netns', 'add', namespace]);
  execFileSync('ip', ['-n', namespace, 'link', 'add', 'eth0', 'type', 'bridge']);
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(directory, name), text);
  mkdirSync(join(directory, 'directory'));
  chmodSync(join(directory, 'secret.conf'), 0o600);
  chownSync(join(directory, 'secret.conf'), SOMEBODY, SOMEBODY);
  truncateSync(join(directory, 'huge.conf'), 2 ** 30);
});

afterAll(() => {
  execFileSync('ip', ['netns', 'delete', namespace]);
  rmSync(directory, { recursive: true });
});

describe('the test of a configuration', () => {
  for (const [args, theirs, ours, why] of CASES)
    it(`with ${args.join(' ')}: keepalived ends with ${theirs}, ours with ${ours}`, () => {
      expect(run('keepalived', ...args)).toMatchObject({ code: theirs });
      expect(run(AGENT, ...args)).toMatchObject({ code: ours });
      // A reason stands where they differ, and nowhere else.
      expect(theirs !== ours).toBe(why !== undefined);
    });

  for (const [args, theirs, ours, why] of UNREADABLE)
    it(`without the right to read everything, with ${args.join(' ')}: keepalived ends with ${theirs}, ours with ${ours}: ${why}`, () => {
      const without = (program: string) =>
        run('setpriv', ...dropping('dac_override,-dac_read_search'), program, ...args);
      expect(without('keepalived')).toMatchObject({ code: theirs });
      expect(without(AGENT)).toMatchObject({ code: ours });
    });

  it('needs no rights, which an agent that is to run does', () => {
    const without = (...args: string[]) => run('setpriv', ...dropping('net_admin,-net_raw'), ...args);
    expect(without('keepalived', '-t', '-f', 'clean.conf')).toMatchObject({ code: 0 });
    expect(without(AGENT, '-t', '-f', 'clean.conf')).toMatchObject({ code: 0 });
    expect(without(AGENT, '--config', 'clean.conf')).toEqual({
      code: 1,
      output: expect.stringContaining('needs CAP_NET_ADMIN and CAP_NET_RAW') as string,
    });
  });

  it.each([
    ['huge.conf', 7, 'it has 1073741824 bytes, more than'],
    ['huge-include.conf', 5, 'have more than 67108864 bytes together'],
    ['loop.conf', 4, 'nested more than 32 deep'],
    ['loops.conf', 4, 'there are more than 10000 includes'],
  ])('reads no file without end: %s ends with %s', (name, code, message) => {
    expect(run(AGENT, '-t', '-f', name)).toEqual({ code, output: expect.stringContaining(message) as string });
  });

  it('puts its messages into a file, which is not named as with keepalived', () => {
    expect(run('keepalived', '--config-test=theirs.log', '-f', 'unknown.conf')).toEqual({ code: 5, output: '' });
    expect(run(AGENT, '-t', '-f', 'unknown.conf', '-g', 'ours.log')).toEqual({ code: 5, output: '' });
    for (const name of ['theirs.log', 'ours.log'])
      expect(readFileSync(join(directory, name), 'utf8').toLowerCase()).toContain('unknown keyword');
    // The same words name the file to be tested here.
    expect(run(AGENT, '--config-test=unknown.conf')).toMatchObject({ code: 5 });
    expect(readFileSync(join(directory, 'unknown.conf'), 'utf8')).toBe(FILES['unknown.conf']);
    expect(run(AGENT, '--config-test=none.log', '-f', 'clean.conf')).toMatchObject({ code: 7 });
    expect(existsSync(join(directory, 'none.log'))).toBe(false);
  });

  it.each([
    ['clean.conf', 'clean', 0],
    ['unknown.conf', 'warnings', 5],
    ['script.conf', 'security', 6],
    ['open.conf', 'errors', 4],
    ['nowhere.conf', 'missing', 7],
  ])('says of %s as JSON that it is %s, with the same code', (name, verdict, exitCode) => {
    const { code, output } = run(AGENT, '-t', '--json', '-f', name);
    expect(code).toBe(exitCode);
    expect(JSON.parse(output)).toMatchObject({ verdict, exitCode, file: join(directory, name) });
  });
});

function run(program: string, ...args: readonly string[]): { readonly code: number | null; readonly output: string } {
  const words = ['netns', 'exec', namespace, program, ...args];
  const { status, stdout, stderr, error } = spawnSync('ip', words, { cwd: directory, encoding: 'utf8', timeout });
  if (error !== undefined) throw error;
  return { code: status, output: `${stdout}${stderr}` };
}

/** Words of setpriv, for root without these capabilities. */
function dropping(capabilities: string): readonly string[] {
  return ['bounding-set', 'inh-caps'].map((set) => `--${set}=-${capabilities}`);
}
