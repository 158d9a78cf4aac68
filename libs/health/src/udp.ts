import { err, ok, unhex } from '@keepfleet/wire';
import { type Conversation, type Judgement, type Step, closedEarly, judged, say } from './conversation.ts';
import type { UdpCheckSettings, UdpReply } from './settings.ts';

/** Sent where the configuration names no payload. */
const MEANINGLESS = new Uint8Array(32).map((_, i) => 0x41 + (i % 26));

/** UDP_CHECK: sends one datagram. An ICMP error is a failure; so is silence, but only where a reply is required. */
export class UdpExchange implements Conversation {
  readonly #payload: Uint8Array;
  readonly #reply: UdpReply | null;

  constructor(settings: UdpCheckSettings) {
    this.#payload = settings.payload === null ? MEANINGLESS : unhex(settings.payload);
    this.#reply = settings.reply;
  }

  begin(): Step {
    return say(this.#payload);
  }

  data(bytes: Uint8Array): Step {
    const wrong = this.#reply === null ? undefined : mismatch(bytes, this.#reply);
    return judged(wrong === undefined ? ok('replied') : err({ kind: 'wrong-reply', reason: wrong }));
  }

  closed(): Judgement {
    return closedEarly;
  }

  silence(): Judgement | undefined {
    return this.#reply === null ? ok('did not refuse a datagram') : undefined;
  }
}

/** As keepalived compares: of a reply shorter than the pattern only what is there. */
function mismatch(bytes: Uint8Array, { data, minLength, maxLength }: UdpReply): string | undefined {
  // Without data keepalived looks at no length either.
  if (data === '') return undefined;
  if (bytes.length < minLength || bytes.length > maxLength)
    return `${bytes.length} octets, want ${minLength} to ${maxLength}`;
  const digits = Array.from(bytes.subarray(0, data.length / 2), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const at = [...digits].findIndex((digit, i) => data[i]?.toUpperCase() !== 'X' && data[i]?.toLowerCase() !== digit);
  return at < 0 ? undefined : `octet ${at >> 1} is 0x${digits.slice(at & ~1, (at & ~1) + 2)}`;
}
