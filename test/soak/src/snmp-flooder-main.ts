/**
 * `node snmp-flooder-main.ts PORT COUNT SEED`: so many datagrams at the agent of this namespace, as fast as the kernel takes
 * them; a line of JSON now and then, and one when the agent answers afterwards.
 */
import { createSocket } from 'node:dgram';
import { encodeCommunityMessage, oid } from '@keepfleet/mib';
import { seededRandom, waitFor } from '@keepfleet/testkit';

/** Datagrams handed to the kernel before the loop gets its turn. */
const BURST = 200;
const PATIENCE = 60_000;
const MIB = oid('1.3.6.1.4.1.9586.100.5');
const NAME = oid('1.3.6.1.4.1.9586.100.5.1.2.0');
const COMMUNITY = Uint8Array.from('public', (letter) => letter.charCodeAt(0));
const WRONG = Uint8Array.from('wrong', (letter) => letter.charCodeAt(0));
/** Request id of the question after the flood, and how it stands in a message. */
const LAST = 0x1234;
const LAST_BYTES = Buffer.from([0x02, 0x02, 0x12, 0x34]);

const [port = 0, count = 0, seed = 1] = process.argv.slice(2).map(Number);
const kinds = requests();
const random = seededRandom(seed);
const socket = createSocket('udp4');
let answers = 0;
let answeredLast = false;
socket.on('message', (bytes) => {
  answers++;
  answeredLast ||= bytes.includes(LAST_BYTES);
});
for (let done = 0; done < count; done += BURST) {
  await Promise.all(Array.from({ length: BURST }, () => send(kinds[Math.floor(random() * kinds.length)] ?? WRONG)));
  print({ done });
}
const asked = performance.now();
await waitFor(
  async () => {
    const pdu = { kind: 'get', requestId: LAST, errorStatus: 0, errorIndex: 0 } as const;
    const varBinds = [{ name: NAME, value: { type: 'null' } }] as const;
    await send(encodeCommunityMessage({ version: 'v2c', community: COMMUNITY, pdu: { ...pdu, varBinds } }));
    return answeredLast;
  },
  { deadline: PATIENCE, what: 'an answer after the flood', every: 50 },
);
print({ done: count, answers, afterMs: performance.now() - asked });
socket.close();

/** What costs an agent most, what costs it least, and what it must throw away. */
function requests(): Uint8Array[] {
  const ask = (kind: 'get' | 'get-bulk' | 'set', community: Uint8Array, names: readonly (readonly number[])[]) =>
    encodeCommunityMessage({
      version: 'v2c',
      community,
      // Of a GetBulk these are non-repeaters and repetitions.
      pdu: {
        kind,
        requestId: 7,
        errorStatus: 0,
        errorIndex: kind === 'get-bulk' ? 65_535 : 0,
        varBinds: names.map((name) => ({
          name,
          value: kind === 'set' ? { type: 'integer', value: 1 } : { type: 'null' },
        })),
      },
    });
  return [
    ask('get-bulk', COMMUNITY, [MIB]),
    ask(
      'get-bulk',
      COMMUNITY,
      Array.from({ length: 100 }, () => MIB),
    ),
    ask(
      'get',
      COMMUNITY,
      Array.from({ length: 1_000 }, () => NAME),
    ),
    ask('get', WRONG, [NAME]),
    ask('set', COMMUNITY, [NAME]),
    new Uint8Array(60_000).fill(0x30),
  ];
}

function send(bytes: Uint8Array): Promise<void> {
  return new Promise((sent, failed) => {
    socket.send(bytes, port, '127.0.0.1', (error) => (error === null ? sent() : failed(error)));
  });
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
