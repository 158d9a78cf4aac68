import { execFile, spawnSync } from 'node:child_process';

const NFT_TIMEOUT_MS = 2_000;

/** Runs a script of nftables; gives why it failed, if it did. Nothing waits for it meanwhile. */
export async function runNft(script: string): Promise<string | undefined> {
  return (await tryNft(script))?.reason;
}

export function tryNft(script: string): Promise<NftFailure | undefined> {
  return new Promise((resolve) => {
    start(['-f', '-'], script, (error, _output, complaint) => {
      if (error === null) return resolve(undefined);
      if (isMissing(error)) return resolve({ reason: MISSING, refused: true });
      resolve({
        reason: complaint.trim() || error.message,
        refused: 'code' in error && typeof error.code === 'number',
      });
    });
  });
}

/** The tables there are, `ip NAME`; undefined where nft cannot tell. Nothing waits for it meanwhile. */
export function nftTables(): Promise<ReadonlySet<string> | undefined> {
  return new Promise((resolve) => {
    start(['list', 'tables'], '', (error, output) => {
      if (error !== null) return resolve(undefined);
      resolve(new Set(output.split('\n').map((line) => line.replace(/^table /, '').trim())));
    });
  });
}

function start(
  args: readonly string[],
  input: string,
  end: (error: Error | null, output: string, complaint: string) => void,
): void {
  try {
    const child = execFile('nft', args, { timeout: NFT_TIMEOUT_MS }, end);
    // A program that is not there breaks its pipe; the callback tells.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  } catch (error) {
    // Node throws some failures to start a program (ENOMEM) instead of telling the callback.
    end(error instanceof Error ? error : new Error(String(error)), '', '');
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
