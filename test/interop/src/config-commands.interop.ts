import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatDiagnostic, parseKeepalivedConfig } from '@keepfleet/config';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// What a script is given that keepalived runs from a line, byte by byte, beside what ours gives it. Needs root and Debian's
// keepalived.

const AGENT = fileURLToPath(new URL('../../../bin/keepfleet-agent', import.meta.url));
const namespace = `kf-commands-${process.pid}`;
const directory = mkdtempSync(join(tmpdir(), 'kf-commands-'));
const deadline = 120_000;

/** `@` is the script, with the name of the file it writes. */
const SAME: readonly string[] = [
  String.raw`"@ \xc3\xa9 \\xc3\\xa9 \303\\251 é \é"`,
  String.raw`"@ \\xf0\\x9f\\x98\\x80"`,
  String.raw`"@ \x41 \101 \\x41 \\101 \\8 \x20b"`,
  String.raw`"@ a\000b c"`,
  String.raw`"@ \0 c"`,
  String.raw`"@ \400 x"`,
  String.raw`"@ \\c\0 x y"`,
  String.raw`"@ a\\000b c"`,
  String.raw`"@ 'a\\0b' c"`,
  String.raw`"@ a \\0 c"`,
  String.raw`"@ a\\0bc'd e' f"`,
  String.raw`"@ \"a b\" c"`,
  String.raw`"@ \42a b\042 c"`,
  String.raw`"@ 'a'\\''b' c"`,
  String.raw`"@ a\\20b \\E \\cA"`,
  String.raw`"@ \\\\ {a} a#b a \# c"`,
  String.raw`'@ a \"b c\"'`,
  String.raw`'@ "a b" c'`,
  String.raw`"@ a"" b"c`,
  // An odd number of them it also complains of.
  String.raw`"@ 'x \"y' z" # comment`,
  String.raw`"@ x\\\"y # z"`,
];
/** Taken there; here programs are given texts. */
const NO_TEXT: readonly string[] = [
  String.raw`"@ \xff"`,
  String.raw`"@ \\377 x"`,
  String.raw`"@ \x4a1 y"`,
  String.raw`"@ \\cé x"`,
];
/** Run by neither. */
const BROKEN: readonly string[] = [
  String.raw`"@ 'a b"`,
  String.raw`"@ a\" b"`,
  String.raw`"@ \x22a b\x22 c"`,
  String.raw`"@ 'a\0b' c"`,
  String.raw`"@ x\\"`,
  String.raw`"\0"`,
];
const place = (name: string) => join(directory, name);
let daemon: ChildProcess | undefined;
let said = '';

beforeAll(() => {
  // keepalived looks whether others may write to it.
  chmodSync(directory, 0o755);
  writeFileSync(place('record'), '#!/bin/sh\ncat /proc/$$/cmdline >"$1.part" && mv "$1.part" "$1"\n');
  chmodSync(place('record'), 0o755);
  for (const name of ['theirs', 'ours', 'state']) mkdirSync(place(name));
  writeFileSync(place('agent.yaml'), 'node: L1\nsnmp:\n  enabled: false\n');
  execFileSync('ip', ['netns', 'add', namespace]);
  execFileSync('ip', ['-n', namespace, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'eth1']);
  for (const link of ['lo', 'eth0', 'eth1']) execFileSync('ip', ['-n', namespace, 'link', 'set', link, 'up']);
  execFileSync('ip', ['-n', namespace, 'address', 'add', '192.0.2.1/24', 'dev', 'eth0']);
});

afterAll(async () => {
  await end();
  execFileSync('ip', ['netns', 'delete', namespace]);
  rmSync(directory, { recursive: true });
});

describe('a command of the file', () => {
  it('gives a script the same bytes here as there, and the same is no command', async () => {
    write('theirs', [...SAME, ...NO_TEXT, ...BROKEN]);
    const pids = ['p', 'r', 'c', 'b'].flatMap((option) => [`-${option}`, place(option)]);
    start(['keepalived', '-n', '-l', '-P', '-f', place('theirs.conf'), ...pids]);
    const theirs = await recorded('theirs', SAME.length + NO_TEXT.length);
    await end();
    for (const index of BROKEN.keys())
      expect(existsSync(place(`theirs/${SAME.length + NO_TEXT.length + index}`)), BROKEN[index]).toBe(false);
    write('ours', SAME);
    const files = ['--config', place('ours.conf'), '--agent-config', place('agent.yaml')];
    start([AGENT, ...files, '--run-dir', place('run'), '--state-dir', place('state')]);
    const ours = await recorded('ours', SAME.length);
    await end();
    expect(ours).toEqual(theirs.slice(0, SAME.length));
    for (const bytes of theirs.slice(SAME.length)) expect(Buffer.from(bytes, 'hex').toString()).toContain('\ufffd');
  }, 400_000);

  it.each([...NO_TEXT, ...BROKEN])('%s is an error here', (line) => {
    const { diagnostics } = parseKeepalivedConfig({ file: 'x.conf', text: text('ours', [line]) });
    expect(diagnostics.map(formatDiagnostic)).toContainEqual(
      expect.stringMatching(/^x\.conf:5:\d+: error: .*\[bad-value\]$/),
    );
  });
});

function text(who: string, lines: readonly string[]): string {
  const command = (line: string, index: number) => line.replace('@', `${place('record')} ${place(`${who}/${index}`)}`);
  const script = (line: string, index: number) =>
    `vrrp_script S${index} {\nscript ${command(line, index)}\ninterval 100\n}\n`;
  const tracked = lines.map((_, index) => `S${index} weight 1\n`).join('');
  return (
    `global_defs {\nscript_user root\n}\n${lines.map(script).join('')}` +
    `vrrp_instance V {\ninterface eth0\nvirtual_router_id 9\nvirtual_ipaddress {\n192.0.2.9\n}\ntrack_script {\n${tracked}}\n}\n`
  );
}

function write(who: string, lines: readonly string[]): void {
  writeFileSync(place(`${who}.conf`), text(who, lines));
}

function start(command: readonly string[]): void {
  said = '';
  const child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  daemon = child;
}

async function end(): Promise<void> {
  if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = once(daemon, 'exit');
  daemon.kill('SIGTERM');
  await ended;
}

/** What the scripts were given behind the name of their file, in hexadecimal, where the byte 0 ends each argument. */
async function recorded(who: string, count: number): Promise<readonly string[]> {
  const files = Array.from({ length: count }, (_, index) => place(`${who}/${index}`));
  await waitFor(() => files.every(existsSync), { deadline, what: `${count} scripts of ${who}`, every: 100 }).catch(
    (cause: unknown) => {
      const missing = files.filter((file) => !existsSync(file));
      throw new Error(`without ${missing.join(', ')}: ${said.slice(-2_000)}`, { cause });
    },
  );
  return files.map((file) => {
    const bytes = readFileSync(file, 'latin1');
    return Buffer.from(bytes.slice(bytes.indexOf(`${file}\0`) + file.length + 1), 'latin1').toString('hex');
  });
}
