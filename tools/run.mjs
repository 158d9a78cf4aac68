// Runs a TypeScript file with the pinned Node, which needs no build for it: `node tools/run.mjs FILE ARGUMENT...`.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const node = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));
const child = spawn(existsSync(node) ? node : process.execPath, process.argv.slice(2), { stdio: 'inherit' });

// A signal of the terminal reaches the child by itself; passing it on a second time is harmless there, and needed for
// a signal that was sent to this process alone.
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
for (const signal of signals) process.on(signal, () => child.kill(signal));

child.once('error', (error) => {
  process.stderr.write(`${node} could not be started: ${error.message}\n`);
  process.exitCode = 1;
});
child.once('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0);
});
