import { type Instant, instant, micros, seconds } from '@keepfleet/machine';
import { hex, ip, unhex } from '@keepfleet/wire';
import { type Envelope, openDatagram } from '../envelope.ts';
import { ourVersions } from '../member.ts';
import type { SwimOutput } from '../messages.ts';
import { type PacketMessage, addressBytes, decodePacket, encodePacket } from '../packet.ts';
import { encodeTags } from '../serf.ts';
import { type Endpoint, lanTunables } from '../settings.ts';
import { Swim } from '../swim.ts';

const PLAIN: Envelope = { label: '', cipher: undefined, acceptPlain: false, sendPlain: false };
const ROUND_TRIP = 500;

export interface Share {
  readonly members: number;
  /** What it sends a second in datagrams and streams, the streams counted twice: it answers as many as it opens. */
  readonly bytes: number;
  /** Probes that it makes and answers a second. */
  readonly probes: number;
}

/**
 * What one member of a fleet at rest sends: a real one among `members` − 1 that do no more than what it sees of them, each
 * probed and probing as often as in a fleet of such members. 5,000 of them that all know each other have no room in memory.
 * `spent` is called around everything that the member itself does.
 */
export function shareOfOne(members: number, time: number, spent: <T>(work: () => T) => T = (work) => work()): Share {
  const endpoints = Array.from({ length: members }, (_, i) => endpointOf(i));
  const self = endpoints[0] ?? endpointOf(0);
  const machine = new Swim(
    { ...lanTunables, name: 'n0', advertise: self, tags: { role: 'agent' }, seeds: [], label: '' },
    { random: minimalStandard(11) },
  );
  let now: Instant = instant(0);
  let digest: number | undefined;
  let answered = 0;
  const due: { readonly at: Instant; readonly from: Endpoint; readonly message: PacketMessage }[] = [];
  const take = (outputs: readonly SwimOutput[]) => {
    for (const output of outputs) {
      if (output.kind === 'open-stream')
        take(machine.handle({ kind: 'stream-closed', stream: output.stream, reason: 'closed', refused: false }, now));
      if (output.kind !== 'send') continue;
      const parts = openDatagram(unhex(output.data), PLAIN);
      for (const part of parts.ok ? parts.value : []) {
        const message = part.ok ? decodePacket(part.value) : part;
        if (!message.ok) throw new Error(`what it sent is unreadable: ${message.error.detail}`);
        if (message.value.type === 'ack') answered++;
        if (message.value.type !== 'ping') continue;
        const { seq } = message.value;
        digest = message.value.digest;
        // Whoever it asks sees what it sees.
        const ack: PacketMessage = { type: 'ack', seq, payload: new Uint8Array(), ...(digest && { digest }) };
        due.push({ at: instant(now + ROUND_TRIP), from: output.to, message: ack });
      }
    }
  };
  const say = (from: Endpoint, message: PacketMessage) => {
    const data = hex(encodePacket(message));
    take(spent(() => machine.handle({ kind: 'datagram', from, data }, now)));
  };
  take(machine.handle({ kind: 'start' }, now));
  for (const [i, { address, port }] of endpoints.entries())
    if (i > 0) {
      const meta = encodeTags({ role: 'agent' });
      const about = { incarnation: 1, address: addressBytes(address), port, meta, versions: ourVersions };
      say({ address, port }, { type: 'alive', node: `n${i}`, ...about });
    }
  const pass = (end: Instant) => {
    let pingAt = instant(now + seconds(1));
    for (let turn = 1; ;) {
      const [next] = due;
      const at = Math.min(machine.nextDeadline() ?? end, next?.at ?? end, pingAt);
      if (at >= end) break;
      now = instant(at);
      if (next !== undefined && next.at <= now) {
        due.shift();
        say(next.from, next.message);
      } else if (pingAt <= now) {
        // In a fleet of n members each probes one of the others a second, so each is probed once.
        pingAt = instant(pingAt + micros(seconds(1)));
        const i = 1 + (turn++ % (members - 1));
        const from = endpoints[i] ?? self;
        const source = { address: addressBytes(from.address), port: from.port, node: `n${i}` };
        say(from, { type: 'ping', seq: turn, node: 'n0', source, ...(digest && { digest }) });
      } else take(spent(() => machine.timeout(now)));
    }
    now = end;
  };
  // What it has learned of all of them is told within that time.
  pass(instant(now + seconds(600)));
  const before = machine.snapshot().stats;
  answered = 0;
  pass(instant(now + seconds(time)));
  const { stats } = machine.snapshot();
  if (stats.probesFailed > 0) throw new Error(`${stats.probesFailed} probes failed though all answer`);
  return {
    members,
    bytes: (stats.bytesOut - before.bytesOut + 2 * (stats.streamBytesOut - before.streamBytesOut)) / time,
    probes: (stats.probes - before.probes + answered) / time,
  };
}

function endpointOf(i: number): Endpoint {
  return { address: ip(`10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`), port: 7946 };
}

/** Park and Miller's generator: the same run every time. */
function minimalStandard(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16_807) % 0x7fffffff) / 0x7fffffff;
}
