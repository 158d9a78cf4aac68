import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type HostFacts, type KeepalivedConfig, type ProgramFact, hostQuestions } from '@keepfleet/config';

const LOOPBACK_TYPE = '772';
const LOOKUP_TIMEOUT_MS = 5_000;
/** Where programs without a path are looked for when the environment has none. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const WRITABLE_BY_GROUP_OR_OTHERS = 0o022;
const STICKY = 0o1000;

/** What this node is, as far as a configuration asks. */
export function gatherHostFacts(config: KeepalivedConfig): HostFacts {
  const { users, groups, programs } = hostQuestions(config);
  const names = (uses: readonly { readonly name: string }[]) => uses.map(({ name }) => name);
  return factsAbout({ users: names(users), groups: names(groups), programs: names(programs) });
}

export interface FactNames {
  readonly users: readonly string[];
  readonly groups: readonly string[];
  readonly programs: readonly string[];
}

/** Which of these this node has, and its interfaces. */
export function factsAbout({ users, groups, programs }: FactNames): HostFacts {
  const interfaces = interfaceFacts();
  return {
    ...(interfaces === undefined ? {} : { interfaces }),
    users: Object.fromEntries(users.map((name) => [name, isAccount('passwd', name)])),
    groups: Object.fromEntries(groups.map((name) => [name, isAccount('group', name)])),
    programs: Object.fromEntries(programs.map((name) => [name, programFact(name)])),
  };
}

/** Undefined where there is no sysfs: then nothing is known, which is another thing than that there are none. */
function interfaceFacts(): HostFacts['interfaces'] {
  const directory = '/sys/class/net';
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return undefined;
  }
  return names.map((name) => ({ name, loopback: typeOf(join(directory, name, 'type')) === LOOPBACK_TYPE }));
}

/** An interface may go while it is looked at, and `bonding_masters` is none. */
function typeOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** A number needs no name. Names may come from anywhere that the system is set up for, so it is asked. */
function isAccount(database: 'passwd' | 'group', name: string): boolean {
  if (/^\d+$/.test(name)) return true;
  const { status } = spawnSync('getent', [database, '--', name], { stdio: 'ignore', timeout: LOOKUP_TIMEOUT_MS });
  // 2 is "no such key"; without getent nothing is claimed.
  return status !== 2;
}

function programFact(name: string): ProgramFact {
  const path = name.includes('/') ? name : found(name);
  if (path === undefined) return { state: 'missing' };
  let real: string;
  try {
    real = realpathSync(path);
    if (!statSync(real).isFile()) return { state: 'missing' };
  } catch {
    return { state: 'missing' };
  }
  if (!isExecutable(real)) return { state: 'not-executable', path: real };
  const writableByOthers = writablePart(real);
  return { state: 'executable', path: real, ...(writableByOthers === undefined ? {} : { writableByOthers }) };
}

function found(name: string): string | undefined {
  return (process.env['PATH'] ?? DEFAULT_PATH)
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The first part of a path, from its end, that another user than root could change. */
function writablePart(path: string): string | undefined {
  for (let part = path; ; part = dirname(part)) {
    const { mode, uid, gid } = statSync(part);
    const bits = gid === 0 ? mode & WRITABLE_BY_GROUP_OR_OTHERS & 0o002 : mode & WRITABLE_BY_GROUP_OR_OTHERS;
    // In a directory like /tmp nobody can replace what is another's.
    if (uid !== 0 || (bits !== 0 && !(part !== path && (mode & STICKY) !== 0))) return part;
    if (part === '/') return undefined;
  }
}
