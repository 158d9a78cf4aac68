import { hex } from '@keepfleet/wire';
import {
  COMPOUND_OVERHEAD,
  COMPOUND_PART_OVERHEAD,
  type Envelope,
  MAX_COMPOUND_PARTS,
  datagramOverhead,
  encodeCompound,
  sealDatagram,
} from './envelope.ts';
import type { GossipQueue } from './gossip-queue.ts';
import type { SwimOutput } from './messages.ts';
import { type PacketMessage, encodePacket } from './packet.ts';
import type { Endpoint } from './settings.ts';
import type { SwimStats } from './stats.ts';

/** Smaller messages never get smaller by compression. */
const COMPRESS_FROM = 64;
/** The protocol whose speakers check checksums. */
const CRC_PROTOCOL = 5;

/** A length in two bytes more than the one that a single byte of padding has, and the part of a compound. */
const PADDING_OVERHEAD = 2 + COMPOUND_PART_OVERHEAD;

/** Who a datagram goes to, as far as known. */
export interface Addressee {
  readonly endpoint: Endpoint;
  readonly protocolMax?: number;
}

/** Gathers the outputs of one call of the machine, and fills datagrams with waiting gossip. */
export class Outbox {
  readonly #queue: GossipQueue;
  readonly #envelope: Envelope;
  readonly #stats: SwimStats;
  readonly #compress: boolean;
  readonly #room: number;
  readonly #transmitLimit: () => number;
  #outputs: SwimOutput[] = [];

  constructor(
    queue: GossipQueue,
    envelope: Envelope,
    stats: SwimStats,
    options: { readonly compress: boolean; readonly packetSize: number; readonly transmitLimit: () => number },
  ) {
    this.#queue = queue;
    this.#envelope = envelope;
    this.#stats = stats;
    this.#compress = options.compress;
    this.#room = options.packetSize - datagramOverhead(envelope) - COMPOUND_OVERHEAD;
    this.#transmitLimit = options.transmitLimit;
  }

  emit(output: SwimOutput): void {
    this.#outputs.push(output);
  }

  /** Sends messages in one datagram, and with them what gossip still fits. */
  send(to: Addressee, ...messages: readonly PacketMessage[]): void {
    this.#send(to, messages, false);
  }

  /** Sends what gossip there is to one whose turn it is; `counts` unless it is doubtful that he hears. */
  gossip(to: Addressee, counts: boolean): void {
    this.#send(to, [], counts);
  }

  #send(to: Addressee, messages: readonly PacketMessage[], counts: boolean): void {
    const parts: Uint8Array[] = messages.map((message) => encodePacket(this.#fitted(message)));
    const used = parts.reduce((sum, part) => sum + part.length + COMPOUND_PART_OVERHEAD, 0);
    parts.push(
      ...this.#queue.take(this.#room - used, MAX_COMPOUND_PARTS - parts.length, this.#transmitLimit(), counts),
    );
    const [first] = parts;
    if (first === undefined) return;
    const message = parts.length === 1 ? first : encodeCompound(parts);
    const wire = sealDatagram(message, this.#envelope, {
      crc: (to.protocolMax ?? 0) >= CRC_PROTOCOL,
      // Padding would be gone by it.
      compress:
        this.#compress &&
        message.length >= COMPRESS_FROM &&
        !messages.some((one) => one.type === 'ping' && one.padding),
    });
    this.#stats.datagramsOut++;
    this.#stats.bytesOut += wire.length;
    this.#outputs.push({ kind: 'send', to: to.endpoint, data: hex(wire) });
  }

  /** A padded ping fills a datagram: padding is asked for as the size of the whole. */
  #fitted(message: PacketMessage): PacketMessage {
    if (message.type !== 'ping' || message.padding === undefined) return message;
    const bare = encodePacket({ ...message, padding: 1 }).length;
    return { ...message, padding: Math.max(1, Math.min(message.padding, this.#room) - bare - PADDING_OVERHEAD) };
  }

  take(): readonly SwimOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }
}
