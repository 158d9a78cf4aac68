import { execFile, spawnSync } from 'node:child_process';

const NFT_TIMEOUT_MS = 2_000;

/** Runs a script of nftables; gives why it failed, if it did. Nothing waits for it meanwhile. */
export function runNft(script: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = execFile('nft', ['-f', '-'], { timeout: NFT_TIMEOUT_MS }, (error, _output, complaint) => {
      if (error === null) return resolve(undefined);
      resolve(isMissing(error) ? MISSING : complaint.trim() || error.message);
    });
    // A program that is not there breaks its pipe; the callback tells.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(script);
  });
}

/** The same, waited for, but no longer than so many milliseconds. */
export function runNftNow(script: string, timeout = NFT_TIMEOUT_MS): string | undefined {
  const { error, status, stderr } = spawnSync('nft', ['-f', '-'], {
    input: script,
    timeout,
    encoding: 'utf8',
  });
  if (error !== undefined) return isMissing(error) ? MISSING : error.message;
  return status === 0 ? undefined : stderr.trim();
}

const MISSING = 'there is no nft; install nftables';

function isMissing(error: Error): boolean {
  return 'code' in error && error.code === 'ENOENT';
}
