import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GUEST_MS, compareStates } from './checks-states-suite.ts';

const RUN = join(import.meta.dirname, 'checks-states-run.ts');

compareStates('what is told of quorum, sorry server, alpha and omega, beside keepalived', async () => {
  const words = ['--net', process.execPath, RUN, 'at-once'];
  const { stdout } = await promisify(execFile)('unshare', words, { timeout: GUEST_MS, maxBuffer: 1 << 26 });
  return stdout;
});
