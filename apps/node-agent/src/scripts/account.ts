import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Who a program runs as, in numbers. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
}

/** The user that scripts run as where the configuration names none, if there is such a user. */
export const DEFAULT_USER = 'keepalived_script';
const LOOK_UP_MS = 2_000;

/** Scripts run again and again; the system's databases are asked no more often, since everything waits for their answer. */
const KEPT_MS = 60_000;
const kept = new Map<string, { readonly until: number; readonly credentials: Credentials | undefined }>();

/** The numbers of a user and a group by name or number; the group of the user where none is named. Undefined: nobody knows them. */
export function credentialsOf(user: string, group: string | null): Credentials | undefined {
  const key = `${user}:${group ?? ''}`;
  const known = kept.get(key);
  if (known !== undefined && known.until > performance.now()) return known.credentials;
  const credentials = lookUp(user, group);
  kept.set(key, { until: performance.now() + KEPT_MS, credentials });
  return credentials;
}

function lookUp(user: string, group: string | null): Credentials | undefined {
  const known = entryOf('passwd', user);
  const uid = known === undefined ? numberIn(user) : numberIn(known[2]);
  const gid = group === null ? numberIn(known?.[3]) : (numberIn(entryOf('group', group)?.[2]) ?? numberIn(group));
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function entryOf(database: 'passwd' | 'group', name: string): readonly string[] | undefined {
  const find = (text: string) =>
    text
      .split('\n')
      .map((line) => line.split(':'))
      .find(([first, , number]) => first === name || number === name);
  return find(readFileSync(`/etc/${database}`, 'utf8')) ?? find(fromServices(database, name));
}

/** Users that are not in the file: a directory service may know them. */
function fromServices(database: string, name: string): string {
  if (!/^[\w.-]+$/.test(name)) return '';
  try {
    return execFileSync('getent', [database, name], {
      encoding: 'utf8',
      timeout: LOOK_UP_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    // getent says by its exit code that there is none, or is itself not there.
    return '';
  }
}

function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
