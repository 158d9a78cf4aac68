import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';

const MODULE = JSON.stringify(join(import.meta.dirname, 'stray-signals.ts'));
let child: ChildProcess | undefined;
afterEach(() => void child?.kill('SIGKILL'));

describe('a stray signal', () => {
  it.each([
    ['vrrp', 'SIGHUP'],
    ['vrrp', 'SIGQUIT'],
    ['vrrp', 'SIGUSR1'],
    ['lvs', 'SIGUSR2'],
  ] as const)('does not end the %s process: %s', async (role, signal) => {
    const program = `import { outliveStraySignals } from ${MODULE};
      outliveStraySignals('${role}', { info: (_, message) => console.log(message) });
      setInterval(() => {}, 1000);
      console.log('ready');`;
    const started = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    let complaints = '';
    started.stderr.on('data', (data: Buffer) => (complaints += data.toString()));
    const lines = createInterface({ input: started.stdout });
    await once(lines, 'line');
    started.kill(signal);
    const [line] = await once(lines, 'line');
    expect(line).toContain(`${signal} means nothing`);
    expect(started.exitCode ?? started.signalCode).toBeNull();
    expect(complaints).not.toContain('Debugger');
  });
});
