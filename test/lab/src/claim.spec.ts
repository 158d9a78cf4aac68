import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { claim, claimant } from './claim.ts';

describe('a claim', () => {
  it('is of one process alone, and free again when that one is gone, however it ended', async () => {
    const name = `\0kf-lab-claim-spec-${process.pid}`;
    const script = `require('node:net').createServer().listen(${JSON.stringify(name)}, () => console.log('has it'))`;
    const other = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(other.stdout, 'data');
    await expect(claim(name, 0)).rejects.toThrow('being started by another process');
    other.kill('SIGKILL');
    expect(await claimant(name)).toBeUndefined();
    await claim(name);
    expect(await claimant(name)).toBe(process.pid);
    await expect(claim(name, 0)).rejects.toThrow('being started by another process');
  });
});
