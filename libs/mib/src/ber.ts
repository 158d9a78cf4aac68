import { MAX_SUBIDS, type Oid } from './oid.ts';
import type { Value, VarBind } from './value.ts';

/** ASN.1 tags of SNMP: RFC 3417 section 8 and RFC 3416 section 3. */
export const TAG = {
  integer: 0x02,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  'ip-address': 0x40,
  counter32: 0x41,
  gauge32: 0x42,
  timeticks: 0x43,
  opaque: 0x44,
  counter64: 0x46,
  'no-such-object': 0x80,
  'no-such-instance': 0x81,
  'end-of-mib-view': 0x82,
} as const;

/** What the bytes get wrong. Becomes an error value at the edge of the decoder. */
export class BadBer extends Error {
  override readonly name = 'BadBer';
  readonly kind: 'truncated' | 'bad-tag' | 'bad-length' | 'bad-integer' | 'bad-oid' | 'bad-value' | 'trailing-bytes';

  constructor(kind: BadBer['kind']) {
    super(kind);
    this.kind = kind;
  }
}

const MAX_U32 = 0xffffffff;

/** Reads definite-length BER within bounds; every read past its end throws {@link BadBer}. */
export class BerReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    // Node's Buffer has a slice() that copies nothing.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  /** Position in the whole message. */
  get offset(): number {
    return this.#at;
  }

  peek(): number {
    if (this.#at >= this.#end) throw new BadBer('truncated');
    return this.#bytes[this.#at] ?? 0;
  }

  /** What is within the next element, which must have the tag. */
  within(tag: number): BerReader {
    const length = this.#header(tag);
    const inner = new BerReader(this.#bytes, this.#at, this.#at + length);
    this.#at += length;
    return inner;
  }

  octets(tag: number = TAG.octets): Uint8Array {
    const length = this.#header(tag);
    const value = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** Two's complement of at most 32 bits, as every integer of the messages is; longer spellings of such are taken. */
  integer(tag: number = TAG.integer): number {
    const length = this.#header(tag);
    if (length === 0) throw new BadBer('bad-integer');
    const value = this.#signed(length);
    if (value < -0x80000000n || value > 0x7fffffffn) throw new BadBer('bad-integer');
    return Number(value);
  }

  /** Some agents spell numbers of 32 bits as negative ones of four octets. */
  unsigned(tag: number): number {
    const length = this.#header(tag);
    if (length === 0 || length > 5) throw new BadBer('bad-integer');
    const value = BigInt.asUintN(length === 4 ? 32 : 64, this.#signed(length));
    if (value > BigInt(MAX_U32)) throw new BadBer('bad-integer');
    return Number(value);
  }

  unsigned64(): bigint {
    const length = this.#header(TAG.counter64);
    if (length === 0 || length > 9) throw new BadBer('bad-integer');
    const value = this.#signed(length);
    return BigInt.asUintN(64, value);
  }

  oid(): Oid {
    const length = this.#header(TAG.oid);
    const end = this.#at + length;
    if (length === 0) return [];
    const oid: number[] = [];
    while (this.#at < end) {
      let subid = 0;
      for (;;) {
        if (this.#at >= end) throw new BadBer('bad-oid');
        const octet = this.#bytes[this.#at++] ?? 0;
        subid = subid * 128 + (octet & 0x7f);
        if (subid > MAX_U32 + 80) throw new BadBer('bad-oid');
        if ((octet & 0x80) === 0) break;
      }
      if (oid.length === 0) {
        const first = Math.min(Math.floor(subid / 40), 2);
        oid.push(first, subid - 40 * first);
      } else if (subid > MAX_U32) throw new BadBer('bad-oid');
      else oid.push(subid);
      if (oid.length > MAX_SUBIDS) throw new BadBer('bad-oid');
    }
    return oid;
  }

  varBinds(): VarBind[] {
    const list = this.within(TAG.sequence);
    const varBinds: VarBind[] = [];
    while (list.left > 0) {
      const one = list.within(TAG.sequence);
      varBinds.push({ name: one.oid(), value: one.value() });
      one.end();
    }
    return varBinds;
  }

  value(): Value {
    const tag = this.peek();
    switch (tag) {
      case TAG.integer:
        return { type: 'integer', value: this.integer() };
      case TAG.octets:
        return { type: 'octets', value: this.octets() };
      case TAG.oid:
        return { type: 'oid', value: this.oid() };
      case TAG['ip-address']: {
        const value = this.octets(tag);
        if (value.length !== 4) throw new BadBer('bad-value');
        return { type: 'ip-address', value };
      }
      case TAG.counter32:
        return { type: 'counter32', value: this.unsigned(tag) };
      case TAG.gauge32:
        return { type: 'gauge32', value: this.unsigned(tag) };
      case TAG.timeticks:
        return { type: 'timeticks', value: this.unsigned(tag) };
      case TAG.opaque:
        return { type: 'opaque', value: this.octets(tag) };
      case TAG.counter64:
        return { type: 'counter64', value: this.unsigned64() };
      case TAG.null:
        return this.#empty(tag, { type: 'null' });
      case TAG['no-such-object']:
        return this.#empty(tag, { type: 'no-such-object' });
      case TAG['no-such-instance']:
        return this.#empty(tag, { type: 'no-such-instance' });
      case TAG['end-of-mib-view']:
        return this.#empty(tag, { type: 'end-of-mib-view' });
      default:
        throw new BadBer('bad-tag');
    }
  }

  /** Everything was read. */
  end(): void {
    if (this.left > 0) throw new BadBer('trailing-bytes');
  }

  #empty(tag: number, value: Value): Value {
    if (this.#header(tag) !== 0) throw new BadBer('bad-value');
    return value;
  }

  #signed(length: number): bigint {
    let value = (this.#bytes[this.#at] ?? 0) >= 0x80 ? -1n : 0n;
    if (length <= 4) {
      let small = value === 0n ? 0 : -1;
      for (let i = 0; i < length; i++) small = (small << 8) | (this.#bytes[this.#at++] ?? 0);
      return BigInt(small);
    }
    if (length > 16) throw new BadBer('bad-integer');
    for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(this.#bytes[this.#at++] ?? 0);
    return value;
  }

  /** Length of the content, which is wholly there. */
  #header(tag: number): number {
    if (this.peek() !== tag) throw new BadBer('bad-tag');
    this.#at++;
    const first = this.peek();
    this.#at++;
    let length = first;
    if (first >= 0x80) {
      const count = first & 0x7f;
      // 0 would be the indefinite form, which SNMP does not allow.
      if (count === 0 || count > 4) throw new BadBer('bad-length');
      length = 0;
      for (let i = 0; i < count; i++) {
        length = length * 256 + this.peek();
        this.#at++;
      }
    }
    if (length > this.left) throw new BadBer('truncated');
    return length;
  }
}

const INITIAL = 1500;

/**
 * Memory of the writer that finished last, for the next one: grown anew for each answer it would be hundreds of kilobytes,
 * which a flood of requests asks for much faster than they are collected.
 */
let spare: Uint8Array<ArrayBuffer> | undefined;

/**
 * Writes BER from its end to its start: what is inside an element is written before its length, which is known then. The
 * order of calls is therefore the reverse of the order of the bytes.
 */
export class BerWriter {
  #bytes = spare ?? new Uint8Array(INITIAL);
  #start = this.#bytes.length;

  constructor() {
    spare = undefined;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#bytes.length - this.#start;
  }

  raw(bytes: Uint8Array): this {
    this.#need(bytes.length);
    this.#start -= bytes.length;
    this.#bytes.set(bytes, this.#start);
    return this;
  }

  /** Puts a header before everything written since `from` (a value of {@link length}). */
  wrap(tag: number, from: number): this {
    this.#header(tag, this.length - from);
    return this;
  }

  octets(value: Uint8Array, tag: number = TAG.octets): this {
    this.raw(value);
    this.#header(tag, value.length);
    return this;
  }

  integer(value: number, tag: number = TAG.integer): this {
    this.#need(5);
    const from = this.length;
    let rest = value;
    do {
      this.#push(rest & 0xff);
      rest >>= 8;
    } while (!(rest === 0 || rest === -1));
    const top = this.#bytes[this.#start] ?? 0;
    if (value >= 0 && top >= 0x80) this.#push(0);
    if (value < 0 && top < 0x80) this.#push(0xff);
    return this.wrap(tag, from);
  }

  unsigned(value: number, tag: number): this {
    this.#need(6);
    const from = this.length;
    let rest = value;
    do {
      this.#push(rest & 0xff);
      rest >>>= 8;
    } while (rest > 0);
    if ((this.#bytes[this.#start] ?? 0) >= 0x80) this.#push(0);
    return this.wrap(tag, from);
  }

  unsigned64(value: bigint): this {
    if (value <= BigInt(MAX_U32)) return this.unsigned(Number(value), TAG.counter64);
    this.#need(10);
    const from = this.length;
    let low = Number(value & 0xffffffffn);
    for (let i = 0; i < 4; i++) {
      this.#push(low & 0xff);
      low >>>= 8;
    }
    let high = Number(value >> 32n);
    while (high > 0) {
      this.#push(high & 0xff);
      high >>>= 8;
    }
    if ((this.#bytes[this.#start] ?? 0) >= 0x80) this.#push(0);
    return this.wrap(TAG.counter64, from);
  }

  oid(value: Oid): this {
    this.#need(5 * value.length + 2);
    const from = this.length;
    for (let i = value.length - 1; i >= 2; i--) this.#subid(value[i] ?? 0);
    if (value.length > 0) this.#subid(40 * (value[0] ?? 0) + (value[1] ?? 0));
    return this.wrap(TAG.oid, from);
  }

  value(value: Value): this {
    switch (value.type) {
      case 'integer':
        return this.integer(value.value);
      case 'octets':
      case 'ip-address':
      case 'opaque':
        return this.octets(value.value, TAG[value.type]);
      case 'oid':
        return this.oid(value.value);
      case 'counter32':
      case 'gauge32':
      case 'timeticks':
        return this.unsigned(value.value, TAG[value.type]);
      case 'counter64':
        return this.unsigned64(value.value);
      case 'null':
      case 'no-such-object':
      case 'no-such-instance':
      case 'end-of-mib-view':
        this.#header(TAG[value.type], 0);
        return this;
    }
  }

  varBinds(list: readonly VarBind[]): this {
    const from = this.length;
    for (let i = list.length - 1; i >= 0; i--) {
      const one = list[i];
      if (one === undefined) continue;
      const start = this.length;
      this.value(one.value).oid(one.name).wrap(TAG.sequence, start);
    }
    return this.wrap(TAG.sequence, from);
  }

  /** Ends it: nothing may be written or asked afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    const written = this.#bytes.slice(this.#start);
    spare = this.#bytes;
    return written;
  }

  #subid(value: number): void {
    this.#push(value & 0x7f);
    let rest = Math.floor(value / 128);
    while (rest > 0) {
      this.#push(0x80 | (rest & 0x7f));
      rest = Math.floor(rest / 128);
    }
  }

  #header(tag: number, length: number): void {
    this.#need(6);
    if (length < 0x80) this.#push(length);
    else {
      let count = 0;
      for (let rest = length; rest > 0; rest >>>= 8) {
        this.#push(rest & 0xff);
        count++;
      }
      this.#push(0x80 | count);
    }
    this.#push(tag);
  }

  #push(octet: number): void {
    this.#bytes[--this.#start] = octet;
  }

  #need(count: number): void {
    if (count <= this.#start) return;
    const length = this.length;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, length + count));
    larger.set(this.#bytes.subarray(this.#start), larger.length - length);
    this.#bytes = larger;
    this.#start = larger.length - length;
  }
}
