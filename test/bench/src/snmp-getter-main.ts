/** `node snmp-getter-main.ts PORT OID`: one GET after the other until stdin ends; then the milliseconds of each as JSON. */
import { createRequire } from 'node:module';

// The package has no types.
const snmp = createRequire(import.meta.url)('net-snmp');

const PAUSE_MS = 2;
const [, , port = '161', oid = ''] = process.argv;
const session = snmp.createSession('127.0.0.1', 'public', {
  port: Number(port),
  timeout: 60_000,
  retries: 0,
  version: snmp.Version2c,
});
const times: number[] = [];
let ended = false;

process.stdin.on('end', () => {
  ended = true;
});
process.stdin.resume();
ask();

function ask(): void {
  const began = performance.now();
  session.get([oid], (error: Error | null) => {
    if (error !== null && !ended) process.stderr.write(`${error.message}\n`);
    times.push(performance.now() - began);
    if (!ended) return void setTimeout(ask, PAUSE_MS);
    process.stdout.write(`${JSON.stringify(times)}\n`);
    session.close();
  });
}
