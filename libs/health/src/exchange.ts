import { err, latin1Text, ok } from '@keepfleet/wire';
import {
  type CheckerEnvironment,
  type Conversation,
  type DigestStream,
  type Judgement,
  type Step,
  closedEarly,
  failed,
  judged,
  say,
  wait,
} from './conversation.ts';
import { ResponseReader } from './http-response.ts';
import type { HeaderFields } from './messages.ts';
import type { BodyPattern, StatusRange, UrlSettings } from './settings.ts';

/** Bytes of a body that are read; a longer one is judged by its status alone. */
export const MAX_BODY = 4_194_304;
/** Bytes of a body that a pattern is looked for in. */
export const MAX_SEARCHED = 1_048_576;

const DEFAULT_STATUS: readonly StatusRange[] = [{ first: 200, last: 299 }];

/** What a url wants of its answer, however the answer comes. */
export class Expectation {
  readonly #url: UrlSettings;
  readonly #environment: CheckerEnvironment;
  readonly #digest: DigestStream | undefined;
  #searched = '';
  #size = 0;

  constructor(url: UrlSettings, environment: CheckerEnvironment) {
    this.#url = url;
    this.#environment = environment;
    this.#digest = url.digest === null ? undefined : environment.md5();
  }

  get full(): boolean {
    return this.#size > MAX_BODY;
  }

  body(bytes: Uint8Array): void {
    this.#size += bytes.length;
    if (!this.full) this.#digest?.update(bytes);
    if (this.#url.pattern !== null && this.#searched.length <= MAX_SEARCHED)
      this.#searched += latin1Text(bytes.subarray(0, MAX_SEARCHED + 1 - this.#searched.length));
  }

  judge(status: number): Judgement {
    const accepted = this.#url.statusCodes.length === 0 ? DEFAULT_STATUS : this.#url.statusCodes;
    if (!accepted.some(({ first, last }) => status >= first && status <= last))
      return err({ kind: 'wrong-status', status, want: accepted.map(rangeText).join(', ') });
    if (this.#digest !== undefined && this.#url.digest !== null) {
      if (this.full) return err({ kind: 'body-too-long', limit: MAX_BODY });
      const digest = this.#digest.hex();
      if (digest !== this.#url.digest) return err({ kind: 'wrong-digest', digest, want: this.#url.digest });
    }
    const { pattern } = this.#url;
    const fits = [
      ...(this.#digest === undefined ? [] : ['the digest fits']),
      ...(pattern === null ? [] : ['the pattern fits']),
    ];
    return (pattern && this.#search(pattern)) ?? ok([`answered ${status}`, ...fits].join(', '));
  }

  /** What is wrong; undefined when all is well. */
  #search(pattern: BodyPattern): Judgement | undefined {
    if (this.#searched.length > MAX_SEARCHED) return err({ kind: 'body-too-long', limit: MAX_SEARCHED });
    const written = pattern.written ?? pattern.source;
    const at = this.#environment.search(pattern, this.#searched, pattern.from);
    if (at === 'too-slow') return err({ kind: 'pattern-too-slow', pattern: written });
    const found = at >= 0 && (pattern.before === null || at < pattern.before);
    if (found === !pattern.negate) return undefined;
    return err({ kind: found ? 'pattern-found' : 'pattern-missing', pattern: written });
  }
}

/** One url of an HTTP/1 check while its answer comes in. */
export class Exchange implements Conversation {
  readonly #request: Uint8Array;
  readonly #reader: ResponseReader;
  readonly #expectation: Expectation;

  constructor(request: Uint8Array, url: UrlSettings, environment: CheckerEnvironment) {
    this.#request = request;
    const expectation = new Expectation(url, environment);
    this.#expectation = expectation;
    this.#reader = new ResponseReader((bytes) => expectation.body(bytes), url.method === 'HEAD');
  }

  begin(): Step {
    return say(this.#request);
  }

  data(bytes: Uint8Array): Step {
    const read = this.#reader.push(bytes);
    if (!read.ok) return failed({ kind: 'broken-answer', error: read.error });
    return this.#reader.done || this.#expectation.full ? judged(this.#judge()) : wait;
  }

  closed(): Judgement {
    const end = this.#reader.end();
    return end.ok ? this.#judge() : err({ kind: 'broken-answer', error: end.error });
  }

  #judge(): Judgement {
    return this.#expectation.judge(this.#reader.status ?? 0);
  }
}

/** One url of an HTTP/2 check; the framing is the driver's. */
export class Http2Exchange implements Conversation {
  readonly #fields: HeaderFields;
  readonly #body: Uint8Array;
  readonly #expectation: Expectation;
  #status: number | undefined;

  constructor(fields: HeaderFields, body: Uint8Array, url: UrlSettings, environment: CheckerEnvironment) {
    this.#fields = fields;
    this.#body = body;
    this.#expectation = new Expectation(url, environment);
  }

  begin(): Step {
    return { kind: 'request', fields: this.#fields, body: this.#body };
  }

  head(status: number): Step {
    this.#status = status;
    return wait;
  }

  data(bytes: Uint8Array): Step {
    this.#expectation.body(bytes);
    return this.#expectation.full ? judged(this.ended()) : wait;
  }

  ended(): Judgement {
    return this.#status === undefined ? closedEarly : this.#expectation.judge(this.#status);
  }

  /** RFC 9113 section 8.1: an answer ends with END_STREAM, and what ends otherwise is none. */
  closed(): Judgement {
    return closedEarly;
  }
}

function rangeText({ first, last }: StatusRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}
