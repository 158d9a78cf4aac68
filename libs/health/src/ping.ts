import { type Family, ok } from '@keepfleet/wire';
import { type Conversation, type Judgement, type Step, closedEarly, judged, say, wait } from './conversation.ts';

/** Octets behind the header; as many as ping(8) sends. */
const PAYLOAD = 56;
const ECHO_REQUEST = { ipv4: 8, ipv6: 128 } as const;
const ECHO_REPLY = { ipv4: 0, ipv6: 129 } as const;

/**
 * PING_CHECK: one ICMP echo (RFC 792, RFC 4443 section 4.1) over a datagram socket, for which the kernel fills in
 * checksum and identifier and passes on only what answers it.
 *
 *  0                   1                   2                   3
 * |     type      |     code      |           checksum            |
 * |          identifier           |        sequence number        |
 */
export class Ping implements Conversation {
  readonly #family: Family;
  readonly #sequence: number;

  constructor(family: Family, random: () => number) {
    this.#family = family;
    this.#sequence = Math.floor(random() * 0x1_0000);
  }

  begin(): Step {
    const request = new Uint8Array(8 + PAYLOAD);
    request[0] = ECHO_REQUEST[this.#family];
    request[6] = this.#sequence >> 8;
    request[7] = this.#sequence & 0xff;
    return say(request);
  }

  data(bytes: Uint8Array): Step {
    const sequence = ((bytes[6] ?? 0) << 8) | (bytes[7] ?? 0);
    const mine = bytes.length >= 8 && bytes[0] === ECHO_REPLY[this.#family] && sequence === this.#sequence;
    return mine ? judged(ok('answered an echo request')) : wait;
  }

  closed(): Judgement {
    return closedEarly;
  }
}
