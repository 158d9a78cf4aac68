import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  type Diagnostic,
  type HostFacts,
  type KeepalivedConfig,
  type ProgramFact,
  checkHost,
  hostQuestions,
  parseKeepalivedConfig,
} from '@keepfleet/config';
import { withoutIpvs } from '@keepfleet/test-lab';

// One file, two readers: ours and Debian's keepalived, in a namespace with every interface that the files name.

const DEBIAN = '/usr/share/doc/keepalived/samples';
const OURS = fileURLToPath(new URL('../../../libs/config/samples', import.meta.url));
/** Real files of others, which are not ours to keep here; a checkout without them compares the rest. */
const CORPUS = process.env['KEEPFLEET_CORPUS'] ?? fileURLToPath(new URL('../../../../shared/corpus', import.meta.url));
const TIMEOUT = 120_000;

export interface Case {
  readonly title: string;
  readonly path: string;
  readonly configId: string;
}

export const debian = files(DEBIAN, /^keepalived\.conf\.(.+)$/, 'l1');
export const corpus = files(CORPUS, /^(\d+)\.conf$/, 'l1');
export const ours = ['l1', 'l2', 'l3'].flatMap((configId) =>
  files(OURS, /^(.+)\.conf$/, configId).map((one) => ({ ...one, title: `${one.title} on ${configId}` })),
);

function files(directory: string, pattern: RegExp, configId: string): readonly Case[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .sort()
    .flatMap((name): Case[] => {
      const title = pattern.exec(name)?.[1];
      return title === undefined ? [] : [{ title, path: join(directory, name), configId }];
    });
}

export interface Reading {
  readonly config: KeepalivedConfig;
  /** Of the language, then of the host; `not-implemented` says nothing of either. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A namespace with an interface of each name that the cases have, down and without addresses. */
export class ConfigStand {
  readonly #name = `kf-config-${process.pid}`;
  readonly #interfaces = new Set<string>();
  readonly #directory = mkdtempSync(join(tmpdir(), 'kf-config-'));
  #withoutIpvs: NodeJS.ProcessEnv | undefined;

  constructor(cases: readonly Case[]) {
    run('ip', 'netns', 'add', this.#name);
    const names = new Set(cases.flatMap((one) => [...interfacesOf(one)]));
    const batch = [...names].map((name) => `link add ${name} type bridge\n`).join('');
    // A name that the kernel refuses is none that a verdict could depend on.
    spawnSync('ip', ['-n', this.#name, '-force', '-batch', '-'], { input: batch, timeout: TIMEOUT });
    const listed = run('ip', '-n', this.#name, '-json', 'link').output;
    for (const link of JSON.parse(listed) as { ifname: string }[]) this.#interfaces.add(link.ifname);
    assert.ok(this.#interfaces.has('eth0'), `a namespace needs root: ${listed}`);
  }

  close(): void {
    run('ip', 'netns', 'delete', this.#name);
    rmSync(this.#directory, { recursive: true });
  }

  /** What we say. */
  read({ path, configId }: Case): Reading {
    const text = readFileSync(path, 'utf8');
    const { config, diagnostics } = parseKeepalivedConfig({ file: path, text, configId });
    return {
      config,
      diagnostics: [...diagnostics, ...checkHost(config, this.#facts(config))].filter(
        ({ kind }) => kind !== 'not-implemented',
      ),
    };
  }

  /** What `keepalived -t` says. */
  test({ path, configId }: Case): { readonly code: number | null; readonly output: string } {
    return run('ip', 'netns', 'exec', this.#name, 'keepalived', '-t', '-i', configId, '-f', path);
  }

  /** What keepalived prints of a configuration's VRRP when it starts with it; nothing in the file may run a program. */
  dump(one: Case): Promise<readonly string[]> {
    return this.#start(one, '-P', (line) => line.includes('< Interfaces >'));
  }

  /** The same of its services and checkers, which it prints behind what it asks of IPVS. */
  dumpLvs(one: Case): Promise<readonly string[]> {
    this.#withoutIpvs ??= withoutIpvs(this.#directory);
    return this.#start(one, '-C', (line) => line.includes('< LVS Topology >'), this.#withoutIpvs);
  }

  async #start(
    { path, configId }: Case,
    part: '-P' | '-C',
    isLast: (line: string) => boolean,
    environment: NodeJS.ProcessEnv = {},
  ): Promise<readonly string[]> {
    const pids = ['p', 'r', 'c', 'b'].flatMap((option) => [`-${option}`, join(this.#directory, `${option}.pid`)]);
    const words = ['netns', 'exec', this.#name, 'keepalived', '-n', '-l', '-d', part, '-i', configId, '-f', path];
    const daemon = spawn('ip', [...words, ...pids], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    const guard = setTimeout(() => daemon.kill('SIGKILL'), TIMEOUT);
    const ended = new Promise<void>((resolve) => daemon.once('close', () => resolve()));
    const lines: string[] = [];
    try {
      for await (const line of createInterface({ input: daemon.stderr })) {
        const text = line.replace(/^\w{3} \w{3} +\d+ [\d:]+ \d{4}: /, '');
        lines.push(text);
        // What belongs to the dump is written before it looks at its signals.
        if (isLast(text)) daemon.kill('SIGTERM');
      }
    } finally {
      daemon.kill('SIGTERM');
      daemon.stdout.resume();
      await ended;
      clearTimeout(guard);
    }
    return lines;
  }

  #facts(config: KeepalivedConfig): HostFacts {
    const { programs, users, groups } = hostQuestions(config);
    return {
      interfaces: [...this.#interfaces].map((name) => ({ name, loopback: name === 'lo' })),
      users: Object.fromEntries(users.map(({ name }) => [name, isListed('/etc/passwd', name)])),
      groups: Object.fromEntries(groups.map(({ name }) => [name, isListed('/etc/group', name)])),
      programs: Object.fromEntries(programs.map(({ name }) => [name, programFact(name)])),
    };
  }
}

function interfacesOf({ path, configId }: Case): ReadonlySet<string> {
  const text = readFileSync(path, 'utf8');
  const { config } = parseKeepalivedConfig({ file: path, text, configId });
  const { ownInterfaces, otherInterfaces } = hostQuestions(config);
  return new Set([
    ...[...ownInterfaces, ...otherInterfaces].map(({ name }) => name),
    ...Array.from(
      text.matchAll(/\b(?:dev|oif|iif|lvs_sync_daemon(?:_interface)?)[ \t]+([\w.-]{1,15})/g),
      (match) => match[1] ?? '',
    ),
  ]);
}

function programFact(name: string): ProgramFact {
  const paths = name.includes('/') ? [name] : (process.env['PATH'] ?? '').split(':').map((place) => join(place, name));
  const path = paths.find((one) => existsSync(one) && statSync(one).isFile());
  if (path === undefined) return { state: 'missing' };
  try {
    accessSync(path, constants.X_OK);
    return { state: 'executable', path };
  } catch {
    return { state: 'not-executable', path };
  }
}

function isListed(file: string, name: string): boolean {
  return readFileSync(file, 'utf8')
    .split('\n')
    .some((line) => line.startsWith(`${name}:`));
}

function run(...command: string[]): { readonly code: number | null; readonly output: string } {
  const [program = '', ...rest] = command;
  const { status, stdout, stderr, error } = spawnSync(program, rest, { encoding: 'utf8', timeout: TIMEOUT });
  if (error !== undefined) throw error;
  return { code: status, output: `${stdout}${stderr}` };
}
