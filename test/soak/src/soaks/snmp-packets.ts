import {
  Framer,
  MibView,
  type PduBody,
  type SnmpCrypto,
  SnmpAgent,
  allTables,
  decodeMessage,
  decodePdu,
  decodeScopedPdu,
  encodeCommunityMessage,
  encodePdu,
  oid,
  v3Message,
} from '@keepfleet/mib';
import { fuzz } from '@keepfleet/testkit';
import type { Soak } from '../soak.ts';

const NAME = oid('1.3.6.1.4.1.9586.100.5.2.3.1.7.1');
const HEADER = { sessionId: 7, transactionId: 1, packetId: 2, networkOrder: true };
const EMPTY = new Uint8Array();

/** Nobody here has keys. */
const NO_CRYPTO: SnmpCrypto = { hash: () => EMPTY, hmac: () => EMPTY, encrypt: () => EMPTY, decrypt: () => EMPTY };

const pdu = { requestId: 1, errorStatus: 0, errorIndex: 20 } as const;
const varBinds = [
  { name: NAME, value: { type: 'integer', value: 150 } },
  { name: NAME, value: { type: 'octets', value: Uint8Array.of(0, 255, 128) } },
  { name: NAME, value: { type: 'counter64', value: 2n ** 64n - 1n } },
  { name: NAME, value: { type: 'oid', value: NAME } },
] as const;
const community = Uint8Array.from('public', (letter) => letter.charCodeAt(0));

const messages = [
  ...(['get', 'get-next', 'get-bulk', 'set', 'inform', 'trap', 'response'] as const).map((kind) =>
    encodeCommunityMessage({ version: 'v2c', community, pdu: { kind, ...pdu, varBinds } }),
  ),
  encodeCommunityMessage({ version: 'v1', community, pdu: { kind: 'get-next', ...pdu, errorIndex: 0, varBinds } }),
  v3Message({
    messageId: 1,
    maxSize: 65_507,
    reportable: true,
    userName: community,
    keys: undefined,
    authenticate: false,
    encrypt: false,
    engine: { id: Uint8Array.of(128, 0, 37, 114, 5, 1, 2, 3), boots: 1, time: 2 },
    contextEngineId: EMPTY,
    pdu: { kind: 'get', ...pdu, varBinds },
    crypto: NO_CRYPTO,
    salt: () => EMPTY,
  }),
];

const range = { start: NAME, include: true, end: oid('1.3.6.1.4.1.9586.100.6') };
const bodies: readonly PduBody[] = [
  { kind: 'open', timeout: 5, id: NAME, description: community },
  { kind: 'register', context: community, timeout: 5, priority: 127, subtree: NAME, range: null, instance: false },
  { kind: 'get', context: null, ranges: [range, range] },
  { kind: 'get-next', context: community, ranges: [range] },
  { kind: 'get-bulk', context: null, nonRepeaters: 1, maxRepetitions: 20, ranges: [range, range] },
  { kind: 'test-set', context: null, varBinds },
  { kind: 'commit-set' },
  { kind: 'notify', context: null, varBinds },
  { kind: 'response', sysUpTime: 5, error: 0, index: 0, varBinds },
];
const streams = bodies.map((body) => encodePdu({ ...HEADER, ...body }));

export const soak: Soak = {
  about: 'SNMP messages and AgentX PDUs, mutated, into the decoders and an agent',
  count: 1_000_000,
  unit: 'inputs',
  run: (task) => {
    const agent = new SnmpAgent(
      {
        communities: [
          { name: 'public', access: { write: true, view: { include: [], exclude: [] } }, allows: () => true },
        ],
        users: [],
        engineId: Uint8Array.of(128, 0, 37, 114, 5, 1, 2, 3),
        engineBoots: 1,
      },
      new MibView(allTables),
      NO_CRYPTO,
      () => EMPTY,
    );
    let [read, answered] = [0, 0];
    const { slowest } = fuzz({
      ...task,
      vectors: [...messages, ...streams],
      decode: (bytes) => {
        const message = decodeMessage(bytes);
        if (message.ok) {
          read++;
          if (message.value.version === 'v3') decodeScopedPdu(message.value.data);
        }
        if (agent.receive(bytes, '192.0.2.1', 0).kind === 'answer') answered++;
        for (const one of new Framer().push(bytes).pdus) if (decodePdu(one).ok) read++;
      },
      clock: () => performance.now(),
    });
    return { accepted: read, answered, 'slowest ms': slowest.toFixed(2) };
  },
};
