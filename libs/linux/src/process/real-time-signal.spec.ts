import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SIGRTMIN } from './real-time-signal.ts';

const MODULE = fileURLToPath(new URL('real-time-signal.ts', import.meta.url));

it('takes a real-time signal, as often as it comes, and lives on', async () => {
  const number = SIGRTMIN + 2;
  // A process of its own: that of the tests has other uses for its descriptors.
  const program = `
    const { onRealTimeSignal } = await import(${JSON.stringify(MODULE)});
    let count = 0;
    const watch = onRealTimeSignal(${number}, () => {
      if (++count < 2) return process.kill(process.pid, ${number});
      watch.close();
      console.log('received');
    });
    process.kill(process.pid, ${number});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  const [code, signal] = (await once(child, 'close')) as unknown[];
  expect({ code, signal, output }).toEqual({ code: 0, signal: null, output: 'received\n' });
});
