import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';

/**
 * Hands datagrams on to 127.0.0.1:161 and the answers back, and keeps what it handed on: a line on stdin sends all of it
 * again, and a line on stdout then says how many answers came, once no more do.
 */
const QUIET_MS = 1_000;
const tape: Buffer[] = [];
const near = createSocket('udp4');
const far = createSocket('udp4');
let manager: number | undefined;
let answers = 0;
let quiet: NodeJS.Timeout | undefined;
let replaying = false;

near.on('message', (bytes, { port }) => {
  manager = port;
  tape.push(bytes);
  far.send(bytes, 161, '127.0.0.1');
});
far.on('message', (bytes) => {
  answers++;
  clearTimeout(quiet);
  if (replaying) quiet = setTimeout(() => process.stdout.write(`${answers}\n`), QUIET_MS);
  if (manager !== undefined) near.send(bytes, manager, '127.0.0.1');
});
near.bind(0, '127.0.0.1', () => process.stdout.write(`${near.address().port}\n`));
createInterface({ input: process.stdin })
  .on('line', () => {
    answers = 0;
    replaying = true;
    for (const bytes of tape) far.send(bytes, 161, '127.0.0.1');
  })
  .on('close', () => process.exit());
