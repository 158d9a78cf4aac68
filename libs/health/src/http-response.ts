import { type Result, err, latin1Text, ok } from '@keepfleet/wire';
import type { ResponseError } from './messages.ts';

/** Status line and header fields together. */
export const MAX_HEAD = 16_384;
/** Interim answers before the final one; most servers send none. */
export const MAX_INTERIM = 16;
/** A chunk's size line, with its extensions. */
const MAX_CHUNK_LINE = 1_024;

type State =
  | { readonly kind: 'head'; readonly text: string }
  | { readonly kind: 'length'; readonly left: number }
  | { readonly kind: 'until-close' }
  | { readonly kind: 'chunk-size'; readonly line: string }
  | { readonly kind: 'chunk-data'; readonly left: number }
  | { readonly kind: 'chunk-end'; readonly line: string }
  | { readonly kind: 'trailer'; readonly line: string; readonly size: number }
  | { readonly kind: 'done' };

interface Head {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
}

/**
 * Reads one HTTP/1 answer (RFC 9112) as its bytes come, in whatever pieces. The body goes to `onBody` and is not kept, so
 * memory does not grow with it.
 */
export class ResponseReader {
  readonly #onBody: (bytes: Uint8Array) => void;
  readonly #headOnly: boolean;
  #state: State = { kind: 'head', text: '' };
  #status: number | undefined;
  #interim = 0;

  /** `headOnly`: the answer is to a HEAD request and has no body, whatever its fields say. */
  constructor(onBody: (bytes: Uint8Array) => void, headOnly = false) {
    this.#onBody = onBody;
    this.#headOnly = headOnly;
  }

  /** Known once the head is complete. */
  get status(): number | undefined {
    return this.#status;
  }

  get done(): boolean {
    return this.#state.kind === 'done';
  }

  push(bytes: Uint8Array): Result<void, ResponseError> {
    let rest = bytes;
    while (rest.length > 0 && this.#state.kind !== 'done') {
      const step = this.#step(this.#state, rest);
      if (!step.ok) return step;
      rest = step.value;
    }
    return ok(undefined);
  }

  /** The other side has closed: that ends a body of unknown length, and breaks every other. */
  end(): Result<void, ResponseError> {
    if (this.#state.kind === 'until-close') this.#state = { kind: 'done' };
    return this.done ? ok(undefined) : err({ kind: 'closed-early' });
  }

  /** Consumes some of the bytes and gives the others back. */
  #step(state: State, bytes: Uint8Array): Result<Uint8Array, ResponseError> {
    switch (state.kind) {
      case 'head':
        return this.#head(state.text, bytes);
      case 'length':
      case 'chunk-data': {
        const body = bytes.subarray(0, state.left);
        this.#onBody(body);
        const left = state.left - body.length;
        if (left > 0) this.#state = { ...state, left };
        else this.#state = state.kind === 'length' ? { kind: 'done' } : { kind: 'chunk-end', line: '' };
        return ok(bytes.subarray(body.length));
      }
      case 'until-close':
        this.#onBody(bytes);
        return ok(bytes.subarray(bytes.length));
      case 'chunk-size':
      case 'chunk-end':
      case 'trailer':
        return this.#chunkLine(state, bytes);
      case 'done':
        return ok(bytes);
    }
  }

  #head(before: string, bytes: Uint8Array): Result<Uint8Array, ResponseError> {
    const room = MAX_HEAD - before.length;
    const text = before + latin1Text(bytes.subarray(0, room));
    // What was searched before is not searched again; a separator cut in two begins at most three characters back.
    const from = Math.max(0, before.length - 3);
    const end = /\r?\n\r?\n/.exec(text.slice(from));
    if (end === null) {
      // An answer that does not begin like HTTP is refused at once and not after its last byte.
      if (!'HTTP/1.'.startsWith(text.slice(0, 7))) return err({ kind: 'not-http' });
      if (text.length >= MAX_HEAD) return err({ kind: 'head-too-long' });
      this.#state = { kind: 'head', text };
      return ok(bytes.subarray(bytes.length));
    }
    const head = parseHead(text.slice(0, from + end.index));
    if (head === undefined) return err({ kind: 'not-http' });
    const after = bytes.subarray(from + end.index + end[0].length - before.length);
    // RFC 9110 section 15.2: an interim answer is followed by the final one.
    if (head.status < 200) {
      this.#interim++;
      if (this.#interim > MAX_INTERIM) return err({ kind: 'too-many-interim' });
      this.#state = { kind: 'head', text: '' };
      return ok(after);
    }
    const body: Result<State, ResponseError> = this.#headOnly ? ok({ kind: 'done' }) : bodyOf(head);
    if (!body.ok) return body;
    this.#status = head.status;
    this.#state = body.value;
    return ok(after);
  }

  #chunkLine(state: Extract<State, { readonly line: string }>, bytes: Uint8Array): Result<Uint8Array, ResponseError> {
    const end = bytes.indexOf(0x0a);
    const piece = end < 0 ? bytes : bytes.subarray(0, end);
    const limit = state.kind === 'trailer' ? MAX_HEAD - state.size : MAX_CHUNK_LINE;
    if (state.line.length + piece.length > limit) return err({ kind: 'bad-chunk' });
    const line = state.line + latin1Text(piece);
    if (end < 0) {
      this.#state = { ...state, line };
      return ok(bytes.subarray(bytes.length));
    }
    const next = afterLine(state, line.replace(/\r$/, ''));
    if (next === undefined) return err({ kind: 'bad-chunk' });
    this.#state = next;
    return ok(bytes.subarray(end + 1));
  }
}

function parseHead(text: string): Head | undefined {
  const [first = '', ...rest] = text.split(/\r?\n/);
  const status = /^HTTP\/1\.\d (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) return undefined;
  const fields = new Map<string, string>();
  for (const line of rest) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(status), fields };
}

/** How the body ends: RFC 9112 section 6.3. */
function bodyOf({ status, fields }: Head): Result<State, ResponseError> {
  if (status === 204 || status === 304) return ok({ kind: 'done' });
  if (fields.get('transfer-encoding')?.toLowerCase().endsWith('chunked') === true)
    return ok({ kind: 'chunk-size', line: '' });
  const length = fields.get('content-length');
  if (length === undefined) return ok({ kind: 'until-close' });
  if (!/^\d{1,15}$/.test(length)) return err({ kind: 'bad-content-length' });
  const left = Number(length);
  return ok(left === 0 ? { kind: 'done' } : { kind: 'length', left });
}

function afterLine(state: Extract<State, { readonly line: string }>, line: string): State | undefined {
  switch (state.kind) {
    case 'chunk-size': {
      const digits = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i.exec(line)?.[1];
      if (digits === undefined) return undefined;
      const left = parseInt(digits, 16);
      return left === 0 ? { kind: 'trailer', line: '', size: 0 } : { kind: 'chunk-data', left };
    }
    case 'chunk-end':
      return line === '' ? { kind: 'chunk-size', line: '' } : undefined;
    case 'trailer':
      return line === '' ? { kind: 'done' } : { kind: 'trailer', line: '', size: state.size + line.length };
  }
}
