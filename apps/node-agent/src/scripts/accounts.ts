import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const ROOT: Account = { uid: 0, gid: 0 };
/** Who scripts run as when nobody is named, if there is such a user: keepalived's rule. */
const USUAL = 'keepalived_script';
const LOOKUP_TIMEOUT_MS = 5_000;

/** The identity of a user, and of a group where one is named, as the system's name service knows them. */
export async function findAccount(user: string | undefined, group?: string): Promise<Account> {
  if (user === undefined) return (await entryOf('passwd', USUAL).then(accountIn, () => undefined)) ?? ROOT;
  const account = accountIn(await entryOf('passwd', user));
  if (group === undefined) return account;
  const gid = Number((await entryOf('group', group))[2]);
  return { uid: account.uid, gid };
}

function accountIn(entry: readonly string[]): Account {
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

/** A line of the database by its name (or number), in fields. The file first: no program is needed for it. */
async function entryOf(database: 'passwd' | 'group', name: string): Promise<readonly string[]> {
  const lines = readFileSync(`/etc/${database}`, 'utf8').split('\n');
  const found = lines.map((line) => line.split(':')).find((fields) => fields[0] === name || fields[2] === name);
  if (found !== undefined) return found;
  return new Promise((resolve, reject) => {
    execFile('getent', [database, name], { timeout: LOOKUP_TIMEOUT_MS }, (error, output) => {
      const fields = output.trim().split(':');
      if (error === null && fields.length > 2) resolve(fields);
      else reject(new Error(`there is no ${database === 'passwd' ? 'user' : 'group'} ${name} on this system`));
    });
  });
}
