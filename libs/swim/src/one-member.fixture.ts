import { type Instant, instant } from '@keepfleet/machine';
import { hex, ip, unhex } from '@keepfleet/wire';
import { openDatagram } from './envelope.ts';
import { ourVersions } from './member.ts';
import type { SwimOutput } from './messages.ts';
import { type PacketMessage, decodePacket, encodePacket } from './packet.ts';
import { type SerfMessage, encodeSerf, encodeTags } from './serf.ts';
import { type Endpoint, type SwimSettings, lanTunables } from './settings.ts';
import type { MemberStatus } from './snapshot.ts';
import { Swim } from './swim.ts';

export const endpoint = (host: number): Endpoint => ({ address: ip(`10.0.0.${host}`), port: 7946 });
export const settings: SwimSettings = {
  ...lanTunables,
  name: 'us',
  advertise: endpoint(1),
  tags: { role: 'agent' },
  seeds: [],
  label: '',
};

/** One member called `us`, at 10.0.0.1, and what comes to it. */
export class OneMember {
  machine: Swim;
  now: Instant = instant(0);

  constructor(changes: Partial<SwimSettings> = {}) {
    this.machine = new Swim({ ...settings, ...changes }, { random: minimalStandard(7) });
    this.machine.handle({ kind: 'start' }, this.now);
  }

  receive(message: PacketMessage | Uint8Array, from = endpoint(9)): readonly SwimOutput[] {
    const bytes = message instanceof Uint8Array ? message : encodePacket(message);
    return this.machine.handle({ kind: 'datagram', from, data: hex(bytes) }, this.now);
  }

  serf(message: SerfMessage): readonly SwimOutput[] {
    return this.receive({ type: 'user', body: encodeSerf(message) });
  }

  /** Serves every deadline until `end`. */
  passUntil(end: Instant): SwimOutput[] {
    const outputs: SwimOutput[] = [];
    const { machine } = this;
    for (let next = machine.nextDeadline(); next !== undefined && next <= end; next = machine.nextDeadline()) {
      this.now = next;
      outputs.push(...machine.timeout(next));
    }
    this.now = end;
    return outputs;
  }

  status(name: string): MemberStatus | undefined {
    return this.machine.snapshot().members.find((member) => member.name === name)?.status;
  }

  incarnation(name: string): number | undefined {
    return this.machine.snapshot().members.find((member) => member.name === name)?.incarnation;
  }

  dropped() {
    return this.machine.snapshot().stats.dropped;
  }
}

export function alive(node: string, host: number, more: Partial<Extract<PacketMessage, { type: 'alive' }>> = {}) {
  const address = Uint8Array.of(10, 0, 0, host);
  const meta = encodeTags({ role: node });
  return { type: 'alive', node, incarnation: 5, address, port: 7946, meta, versions: ourVersions, ...more } as const;
}

export const problems = (outputs: readonly SwimOutput[]) =>
  outputs.flatMap((output) => (output.kind === 'problem' ? [output.problem.kind] : []));

export function sent(outputs: readonly SwimOutput[], type: PacketMessage['type']) {
  return outputs.flatMap((output) => {
    if (output.kind !== 'send') return [];
    const parts = openDatagram(unhex(output.data), {
      label: '',
      cipher: undefined,
      acceptPlain: false,
      sendPlain: false,
    });
    if (!parts.ok) throw new Error('we sent what we cannot read');
    return parts.value.flatMap((part) => {
      const message = part.ok ? decodePacket(part.value) : part;
      return message.ok && message.value.type === type ? [{ to: output.to, message: message.value }] : [];
    });
  });
}

/** Park and Miller's generator: the same run every time. */
function minimalStandard(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16_807) % 0x7fffffff) / 0x7fffffff;
}
