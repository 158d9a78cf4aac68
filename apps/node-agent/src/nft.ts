import { execFile, spawnSync } from 'node:child_process';
import { LinuxError, countNftRules } from '@keepfleet/linux';

const NFT_TIMEOUT_MS = 2_000;

/** Runs a script of nftables; gives why it failed, if it did. Nothing waits for it meanwhile. */
export async function runNft(script: string): Promise<string | undefined> {
  return (await tryNft(script))?.reason;
}

export function tryNft(script: string): Promise<NftFailure | undefined> {
  return new Promise((resolve) => {
    start(script, (error, complaint) => {
      if (error === null) return resolve(undefined);
      if (isMissing(error)) return resolve({ reason: MISSING, refused: true });
      resolve({
        reason: complaint.trim() || error.message,
        refused: 'code' in error && typeof error.code === 'number',
      });
    });
  });
}

/** How many rules the kernel has of a table, `ip NAME`; undefined where it cannot tell. */
export function nftRules(table: string): number | undefined {
  const [family, name] = table.split(' ');
  if (name === undefined || (family !== 'ip' && family !== 'ip6')) throw new Error(`no table of nftables: ${table}`);
  try {
    return countNftRules(family, name);
  } catch (error) {
    if (error instanceof LinuxError) return undefined;
    throw error;
  }
}

/** How many rules each table of a script of ours has, `ip NAME`. */
export function rulesOf(script: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  let [table, inChain] = ['', false];
  for (const line of script.split('\n')) {
    const [, opened] = /^table (ip6? \S+) \{$/.exec(line) ?? [];
    if (opened !== undefined) {
      table = opened;
      counts.set(table, 0);
    } else if (line.startsWith(' chain ')) inChain = true;
    else if (line === ' }') inChain = false;
    else if (inChain && !line.startsWith('  type ')) counts.set(table, (counts.get(table) ?? 0) + 1);
  }
  return counts;
}

/** The tables of a script that have lost rules since it was run, or are gone. */
export function tablesWithout(script: string, rules: (table: string) => number | undefined): readonly string[] {
  return [...rulesOf(script)].flatMap(([table, count]) => ((rules(table) ?? count) < count ? [table] : []));
}

function start(script: string, end: (error: Error | null, complaint: string) => void): void {
  try {
    const child = execFile('nft', ['-f', '-'], { timeout: NFT_TIMEOUT_MS }, (error, _, complaint) =>
      end(error, complaint),
    );
    // A program that is not there breaks its pipe; the callback tells.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(script);
  } catch (error) {
    // Node throws some failures to start a program (ENOMEM) instead of telling the callback.
    end(error instanceof Error ? error : new Error(String(error)), '');
  }
}

/** The same, waited for, but no longer than so many milliseconds. */
export function runNftNow(script: string, timeout = NFT_TIMEOUT_MS): string | undefined {
  return tryNftNow(script, timeout)?.reason;
}

export interface NftFailure {
  readonly reason: string;
  /** Nothing of the script is in the kernel; otherwise nft was cut short, and all of it may be. */
  readonly refused: boolean;
}

export function tryNftNow(script: string, timeout = NFT_TIMEOUT_MS): NftFailure | undefined {
  const { error, status, signal, stderr } = spawnSync('nft', ['-f', '-'], {
    input: script,
    timeout,
    encoding: 'utf8',
  });
  if (error !== undefined) {
    const refused = isMissing(error);
    return { reason: refused ? MISSING : error.message, refused };
  }
  if (status === 0) return undefined;
  return { reason: stderr.trim() || `nft ended with ${signal ?? status}`, refused: signal === null };
}

const MISSING = 'there is no nft; install nftables';

function isMissing(error: Error): boolean {
  return 'code' in error && error.code === 'ENOENT';
}
