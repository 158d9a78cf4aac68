import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { errorText } from '../error-text.ts';

/** Who a program runs as, in numbers. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
}

/** Why nobody's numbers are known. */
export interface AccountProblem {
  readonly reason: string;
  /** The name service did not answer, which says nothing about the user. */
  readonly local: boolean;
}

/** The user that scripts run as where the configuration names none, if there is such a user. */
export const DEFAULT_USER = 'keepalived_script';

const LOOK_UP_MS = 5_000;
/** Scripts run again and again: who was found is not asked for more often. */
const FOUND_KEPT_MS = 60_000;
/** Shorter, for whoever has just made the user. */
const MISSING_KEPT_MS = 5_000;
/** Exit code of getent(1): there is no such entry. */
const NO_ENTRY = 2;

type Answer = Credentials | AccountProblem;

/** Looks users and groups up without holding anything up, and remembers them. */
export class Accounts {
  readonly #now: () => number;
  readonly #known = new Map<string, { readonly until: number; readonly answer: Answer }>();
  readonly #asked = new Map<string, Promise<Answer>>();

  /** `now`: milliseconds of any clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * The numbers of a user and a group by name or number; the group of the user where none is named. Whoever was found once
   * is given at once ever after, and asked for again meanwhile: a directory service that is away takes no script down.
   */
  async find(user: string, group: string | null): Promise<Answer> {
    const key = JSON.stringify([user, group]);
    const known = this.#known.get(key);
    if (known !== undefined && this.#now() < known.until) return known.answer;
    const asked = this.#asked.get(key) ?? this.#ask(key, user, group);
    this.#asked.set(key, asked);
    return known !== undefined && 'uid' in known.answer ? known.answer : asked;
  }

  async #ask(key: string, user: string, group: string | null): Promise<Answer> {
    try {
      const answer = await lookUp(user, group);
      const kept = 'uid' in answer ? FOUND_KEPT_MS : MISSING_KEPT_MS;
      this.#known.set(key, { until: this.#now() + kept, answer });
      return answer;
    } catch (error) {
      return {
        reason: `nobody says who ${user}${group === null ? '' : `:${group}`} is: ${errorText(error)}`,
        local: true,
      };
    } finally {
      this.#asked.delete(key);
    }
  }
}

/** Those of this process. */
export const accounts = new Accounts();

async function lookUp(user: string, group: string | null): Promise<Answer> {
  const entry = await entryOf('passwd', user);
  const uid = numberIn(entry === undefined ? user : entry[2]);
  if (uid === undefined) return { reason: `there is no user ${user}`, local: false };
  if (group === null) {
    const gid = numberIn(entry?.[3]);
    return gid === undefined
      ? { reason: `there is no user ${user}, and no group is named`, local: false }
      : { uid, gid };
  }
  const gid = numberIn((await entryOf('group', group))?.[2] ?? group);
  return gid === undefined ? { reason: `there is no group ${group}`, local: false } : { uid, gid };
}

/** The fields of an entry by its name or number. The file first: no program is needed for it. */
async function entryOf(database: 'passwd' | 'group', name: string): Promise<readonly string[] | undefined> {
  const find = (text: string) =>
    text
      .split('\n')
      .map((line) => line.split(':'))
      .find(([first, , number]) => first === name || number === name);
  return find(readFileSync(`/etc/${database}`, 'utf8')) ?? find(await fromServices(database, name));
}

/** Who is not in the file may be known to a directory service. Rejects when that cannot be learned. */
function fromServices(database: string, name: string): Promise<string> {
  // No name, but an option.
  if (name.startsWith('-')) return Promise.resolve('');
  return new Promise((resolve, reject) => {
    execFile('getent', [database, name], { timeout: LOOK_UP_MS }, (error, output) => {
      // Where there is no getent, there is no such service either.
      if (error === null || error.code === NO_ENTRY || error.code === 'ENOENT') resolve(error === null ? output : '');
      else {
        const how =
          error.killed === true
            ? `did not answer within ${LOOK_UP_MS / 1_000} s`
            : `failed (${error.code ?? error.signal})`;
        reject(new Error(`getent ${database} ${name} ${how}; see the name service (nsswitch.conf)`));
      }
    });
  });
}

function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
