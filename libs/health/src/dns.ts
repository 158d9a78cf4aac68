import { ok } from '@keepfleet/wire';
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
import { type DnsError, decodeAnswers, decodeHeader, encodeQuery, responseCodeText } from './dns-message.ts';
import type { CheckFailure } from './messages.ts';
import type { DnsCheckSettings } from './settings.ts';

/** DNS_CHECK: like keepalived it takes any answer without an error, unless the answer itself is to be looked at. */
export class DnsQuery implements Conversation {
  readonly #settings: DnsCheckSettings;
  readonly #id: number;

  constructor(settings: DnsCheckSettings, random: () => number) {
    this.#settings = settings;
    this.#id = Math.floor(random() * 0x1_0000);
  }

  begin(): Step {
    return say(encodeQuery(this.#id, this.#settings.name, this.#settings.type));
  }

  data(bytes: Uint8Array): Step {
    const header = decodeHeader(bytes);
    // What is not the answer to this question is not believed to be one; the right one may follow.
    if (!header.ok || header.value.id !== this.#id || !header.value.isResponse) return wait;
    if (header.value.responseCode !== 0)
      return failed({ kind: 'dns-refused', code: responseCodeText(header.value.responseCode) });
    const { answer, leastAnswers, type } = this.#settings;
    if (answer === null && leastAnswers === 0) return judged(ok('answered'));
    const records = decodeAnswers(bytes);
    // What is missing may be in the rest (RFC 2181 section 9), which only TCP would have.
    const failure = (reason: CheckFailure): Step =>
      failed(
        header.value.isTruncated ? { kind: 'dns-truncated', found: records.ok ? records.value.length : 0 } : reason,
      );
    if (!records.ok) return failure({ kind: 'broken-dns', reason: brokenText[records.error.kind] });
    const found = records.value.filter((record) => record.type === type).map(({ data }) => data);
    if (found.length < leastAnswers) return failure({ kind: 'dns-answers', found: found.length, want: leastAnswers });
    if (answer !== null && !found.some((data) => sameData(data, answer)))
      return failure({ kind: 'dns-wrong-answer', found: found.join(', ') || 'no such record', want: answer });
    return judged(ok(`answered ${found.join(', ')}`));
  }

  closed(): Judgement {
    return closedEarly;
  }
}

const brokenText: Readonly<Record<DnsError['kind'], string>> = {
  'too-short': 'it ends before its records do',
  'bad-name': 'a name in it is broken',
  'bad-data': 'what a record says is not of its type',
};

/** Names are written with or without their final dot, in either case. */
function sameData(found: string, wanted: string): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/\.$/, '');
  return plain(found) === plain(wanted);
}
