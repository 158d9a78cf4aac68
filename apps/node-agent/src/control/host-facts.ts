import { accessSync, constants, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { type HostFacts, type KeepalivedConfig, type ProgramFact, hostQuestions } from '@keepfleet/config';

const LOOPBACK_TYPE = '772';
/** For all names together: who asks waits for it, at a reload too. */
const LOOKUPS_MS = 5_000;
const AT_A_TIME = 4;
/** Where programs without a path are looked for when the environment has none. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const WRITABLE_BY_GROUP_OR_OTHERS = 0o022;
const STICKY = 0o1000;

/** What this node is, as far as a configuration asks. */
export function gatherHostFacts(config: KeepalivedConfig): Promise<HostFacts> {
  const { users, groups, programs } = hostQuestions(config);
  const names = (uses: readonly { readonly name: string }[]) => uses.map(({ name }) => name);
  return factsAbout({ users: names(users), groups: names(groups), programs: names(programs) });
}

export interface FactNames {
  readonly users: readonly string[];
  readonly groups: readonly string[];
  readonly programs: readonly string[];
}

/**
 * Which of these this node has, and its interfaces. Other work goes on meanwhile; names that are not looked up when
 * `until` says so are not in the answer.
 */
export async function factsAbout(
  { users, groups, programs }: FactNames,
  until: AbortSignal = AbortSignal.timeout(LOOKUPS_MS),
): Promise<HostFacts> {
  const interfaces = interfaceFacts();
  const [knownUsers, knownGroups, knownPrograms] = await Promise.all([
    lookUp(users, until, (name) => isAccount('passwd', name, until)),
    lookUp(groups, until, (name) => isAccount('group', name, until)),
    lookUp(programs, until, async (name) => {
      await immediate();
      return programFact(name);
    }),
  ]);
  return {
    ...(interfaces === undefined ? {} : { interfaces }),
    users: knownUsers,
    groups: knownGroups,
    programs: knownPrograms,
  };
}

/** A few at a time: one that hangs does not keep the others, and thousands do not fill the machine with processes. */
async function lookUp<Fact>(
  names: readonly string[],
  until: AbortSignal,
  look: (name: string) => Promise<Fact | undefined>,
): Promise<Record<string, Fact>> {
  const found: [string, Fact][] = [];
  const rest = new Set(names).values();
  const worker = async () => {
    for (const name of rest) {
      if (until.aborted) return;
      const fact = await look(name);
      if (fact !== undefined) found.push([name, fact]);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return Object.fromEntries(found);
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
async function isAccount(database: 'passwd' | 'group', name: string, until: AbortSignal): Promise<boolean | undefined> {
  if (/^\d+$/.test(name)) return true;
  // Most configurations name nobody, and it takes a while to load.
  const { execFile } = await import('node:child_process');
  return new Promise((resolve) => {
    // 2 is "no such key"; without getent nothing is claimed.
    execFile('getent', [database, '--', name], { signal: until, killSignal: 'SIGKILL' }, (error) =>
      resolve(until.aborted ? undefined : error?.code !== 2),
    );
  });
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
