import { asciiBytes, latin1Text, ok } from '@keepfleet/wire';
import {
  type Conversation,
  type Judgement,
  type Step,
  closedEarly,
  failed,
  judged,
  say,
  wait,
} from './conversation.ts';
import type { SmtpCheckSettings } from './settings.ts';

/** RFC 5321 section 4.5.3.1.5 has 512 octets for a reply line; servers send longer banners, and several lines. */
export const MAX_SMTP_REPLY = 4_096;
/** Enough of an answer to see in a log. */
const SHOWN = 80;

const steps = [
  { name: 'the connection', want: 220 },
  { name: 'HELO', want: 250 },
  { name: 'QUIT', want: 221 },
] as const;

/** SMTP_CHECK: banner, HELO, QUIT (RFC 5321 section 4.3.2). Like keepalived it takes any reply to QUIT. */
export class SmtpDialogue implements Conversation {
  readonly #heloName: string;
  #step: 0 | 1 | 2 = 0;
  #text = '';

  constructor(settings: SmtpCheckSettings) {
    this.#heloName = settings.heloName.replace(/[^\x21-\x7e]/g, '?');
  }

  begin(): Step {
    return wait;
  }

  data(bytes: Uint8Array): Step {
    this.#text += latin1Text(bytes.subarray(0, MAX_SMTP_REPLY + 1 - this.#text.length));
    const { name, want } = steps[this.#step];
    const reply = replyIn(this.#text);
    if (reply === 'none') return failed({ kind: 'not-smtp', step: name });
    if (reply === undefined)
      return this.#text.length > MAX_SMTP_REPLY ? failed({ kind: 'not-smtp', step: name }) : wait;
    this.#text = '';
    if (reply.code !== want && this.#step < 2)
      return failed({ kind: 'smtp-refused', step: name, answer: reply.line.slice(0, SHOWN), want });
    switch (this.#step) {
      case 0:
        this.#step = 1;
        return say(asciiBytes(`HELO ${this.#heloName}\r\n`));
      case 1:
        this.#step = 2;
        return say(asciiBytes('QUIT\r\n'));
      case 2:
        return judged(ok('answered HELO and QUIT'));
    }
  }

  closed(): Judgement {
    return closedEarly;
  }
}

/** The last line of a complete reply; undefined while more is to come, `none` for what can never become one. */
function replyIn(text: string): { code: number; line: string } | 'none' | undefined {
  for (const line of text.split(/\r?\n/).slice(0, -1)) {
    // RFC 5321 section 4.2.1: every line but the last has a hyphen behind its code.
    const found = /^(\d{3})(?:([ -])|$)/.exec(line);
    if (found === null) return 'none';
    if (found[2] !== '-') return { code: Number(found[1]), line };
  }
  return undefined;
}
