import { type Result, err, ok } from '@keepfleet/wire';
import { ResponseReader } from './http-response.ts';
import type { CheckFailure } from './messages.ts';
import type { StatusRange, UrlSettings } from './settings.ts';

/** Bytes of a body that are read; a longer one is judged by its status alone. */
export const MAX_BODY = 4_194_304;

const DEFAULT_STATUS: readonly StatusRange[] = [{ first: 200, last: 299 }];

/** MD5 in the making, given by the driver: protocol code has no cryptography of its own. */
export interface DigestStream {
  update(bytes: Uint8Array): void;
  /** Lower-case hexadecimal; called once, at the end. */
  hex(): string;
}

/** What one answer came to: words such as `answered 200`, or why it failed; undefined while more is to come. */
export type Judgement = Result<string, CheckFailure> | undefined;

/** One url of an HTTP check while its answer comes in. */
export class Exchange {
  readonly #url: UrlSettings;
  readonly #reader: ResponseReader;
  readonly #digest: DigestStream | undefined;
  #size = 0;

  constructor(url: UrlSettings, md5: () => DigestStream) {
    this.#url = url;
    this.#digest = url.digest === null ? undefined : md5();
    this.#reader = new ResponseReader((bytes) => {
      this.#size += bytes.length;
      if (this.#size <= MAX_BODY) this.#digest?.update(bytes);
    });
  }

  data(bytes: Uint8Array): Judgement {
    const read = this.#reader.push(bytes);
    if (!read.ok) return err({ kind: 'broken-answer', error: read.error });
    if (this.#reader.done || this.#size > MAX_BODY) return this.#judge();
    return undefined;
  }

  closed(): Exclude<Judgement, undefined> {
    const end = this.#reader.end();
    return end.ok ? this.#judge() : err({ kind: 'broken-answer', error: end.error });
  }

  #judge(): Exclude<Judgement, undefined> {
    const status = this.#reader.status ?? 0;
    const accepted = this.#url.statusCodes.length === 0 ? DEFAULT_STATUS : this.#url.statusCodes;
    if (!accepted.some(({ first, last }) => status >= first && status <= last))
      return err({ kind: 'wrong-status', status, want: accepted.map(rangeText).join(', ') });
    if (this.#digest === undefined || this.#url.digest === null) return ok(`answered ${status}`);
    if (this.#size > MAX_BODY) return err({ kind: 'body-too-long', limit: MAX_BODY });
    const digest = this.#digest.hex();
    if (digest !== this.#url.digest) return err({ kind: 'wrong-digest', digest, want: this.#url.digest });
    return ok(`answered ${status}, the digest fits`);
  }
}

function rangeText({ first, last }: StatusRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}
