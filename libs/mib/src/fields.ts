import type { ByteReader, ByteWriter } from '@keepfleet/wire';
import { MAX_SUBIDS, type Oid } from './oid.ts';
import type { SearchRange, Value, VarBind } from './value.ts';

/** Types of a variable binding, RFC 2741 section 5.4. */
const VALUE_TYPE = {
  integer: 2,
  octets: 4,
  null: 5,
  oid: 6,
  'ip-address': 64,
  counter32: 65,
  gauge32: 66,
  timeticks: 67,
  opaque: 68,
  counter64: 70,
  'no-such-object': 128,
  'no-such-instance': 129,
  'end-of-mib-view': 130,
} as const satisfies Record<Value['type'], number>;

const TYPE_OF_NUMBER = new Map(
  (Object.keys(VALUE_TYPE) as (keyof typeof VALUE_TYPE)[]).map((type) => [VALUE_TYPE[type] as number, type]),
);

/** 1.3.6.1, which a prefix octet stands for (RFC 2741 section 5.1). */
const INTERNET = [1, 3, 6, 1] as const;

/** A field holds what the protocol does not allow. Becomes an error value at the edge of the decoder. */
export class MalformedField extends Error {
  override readonly name = 'MalformedField';
  readonly kind: 'bad-oid' | 'bad-value';

  constructor(kind: 'bad-oid' | 'bad-value') {
    super(kind);
    this.kind = kind;
  }
}

/** Reads the structures of RFC 2741 section 5 in either byte order. */
export class FieldReader {
  readonly #bytes: ByteReader;
  readonly #networkOrder: boolean;

  constructor(bytes: ByteReader, networkOrder: boolean) {
    this.#bytes = bytes;
    this.#networkOrder = networkOrder;
  }

  get left(): number {
    return this.#bytes.left;
  }

  u8(): number {
    return this.#bytes.u8();
  }

  u16(): number {
    return this.#networkOrder ? this.#bytes.u16() : this.#bytes.u16le();
  }

  u32(): number {
    return this.#networkOrder ? this.#bytes.u32() : this.#bytes.u32le();
  }

  u64(): bigint {
    return this.#networkOrder ? this.#bytes.u64() : this.#bytes.u64le();
  }

  skip(count: number): void {
    this.#bytes.skip(count);
  }

  oid(): { readonly oid: Oid; readonly include: boolean } {
    const count = this.u8();
    const prefix = this.u8();
    const include = this.u8() !== 0;
    this.skip(1);
    const oid: number[] = prefix === 0 ? [] : [...INTERNET, prefix];
    if (oid.length + count > MAX_SUBIDS) throw new MalformedField('bad-oid');
    for (let i = 0; i < count; i++) oid.push(this.u32());
    return { oid, include };
  }

  octets(): Uint8Array {
    const length = this.u32();
    const value = this.#bytes.bytes(length);
    this.skip(padding(length));
    // A view would keep the whole receive buffer alive, and change when it is used again.
    return value.slice();
  }

  varBinds(): VarBind[] {
    const list: VarBind[] = [];
    while (this.left > 0) {
      const type = this.u16();
      this.skip(2);
      const name = this.oid().oid;
      list.push({ name, value: this.#value(type) });
    }
    return list;
  }

  ranges(): SearchRange[] {
    const list: SearchRange[] = [];
    while (this.left > 0) {
      const { oid: start, include } = this.oid();
      list.push({ start, include, end: this.oid().oid });
    }
    return list;
  }

  #value(number: number): Value {
    const type = TYPE_OF_NUMBER.get(number);
    switch (type) {
      case undefined:
        throw new MalformedField('bad-value');
      case 'integer':
        return { type, value: this.u32() | 0 };
      case 'octets':
      case 'opaque':
        return { type, value: this.octets() };
      case 'ip-address': {
        const value = this.octets();
        if (value.length !== 4) throw new MalformedField('bad-value');
        return { type, value };
      }
      case 'oid':
        return { type, value: this.oid().oid };
      case 'counter32':
      case 'gauge32':
      case 'timeticks':
        return { type, value: this.u32() };
      case 'counter64':
        return { type, value: this.u64() };
      case 'null':
      case 'no-such-object':
      case 'no-such-instance':
      case 'end-of-mib-view':
        return { type };
    }
  }
}

/** Writes the structures of RFC 2741 section 5 in either byte order. */
export class FieldWriter {
  readonly #bytes: ByteWriter;
  readonly #networkOrder: boolean;

  constructor(bytes: ByteWriter, networkOrder: boolean) {
    this.#bytes = bytes;
    this.#networkOrder = networkOrder;
  }

  u8(value: number): this {
    this.#bytes.u8(value);
    return this;
  }

  u16(value: number): this {
    if (this.#networkOrder) this.#bytes.u16(value);
    else this.#bytes.u16le(value);
    return this;
  }

  u32(value: number): this {
    if (this.#networkOrder) this.#bytes.u32(value);
    else this.#bytes.u32le(value);
    return this;
  }

  u64(value: bigint): this {
    if (this.#networkOrder) this.#bytes.u64(value);
    else this.#bytes.u64le(value);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#bytes.bytes(value);
    return this;
  }

  zeros(count: number): this {
    this.#bytes.zeros(count);
    return this;
  }

  oid(value: Oid, include = false): this {
    const prefix = prefixOf(value);
    const from = prefix === 0 ? 0 : INTERNET.length + 1;
    this.u8(value.length - from)
      .u8(prefix)
      .u8(include ? 1 : 0)
      .u8(0);
    for (let i = from; i < value.length; i++) this.u32(value[i] ?? 0);
    return this;
  }

  octets(value: Uint8Array): this {
    return this.u32(value.length).bytes(value).zeros(padding(value.length));
  }

  varBinds(list: readonly VarBind[]): this {
    for (const { name, value } of list) {
      this.u16(VALUE_TYPE[value.type]).u16(0).oid(name);
      this.#value(value);
    }
    return this;
  }

  ranges(list: readonly SearchRange[]): this {
    for (const { start, include, end } of list) this.oid(start, include).oid(end);
    return this;
  }

  #value(value: Value): void {
    switch (value.type) {
      case 'integer':
        this.u32(value.value >>> 0);
        return;
      case 'octets':
      case 'opaque':
      case 'ip-address':
        this.octets(value.value);
        return;
      case 'oid':
        this.oid(value.value);
        return;
      case 'counter32':
      case 'gauge32':
      case 'timeticks':
        this.u32(value.value);
        return;
      case 'counter64':
        this.u64(value.value);
        return;
      case 'null':
      case 'no-such-object':
      case 'no-such-instance':
      case 'end-of-mib-view':
        return;
    }
  }
}

function prefixOf(value: Oid): number {
  const fifth = value[INTERNET.length];
  if (fifth === undefined || fifth < 1 || fifth > 0xff) return 0;
  return INTERNET.every((subid, i) => value[i] === subid) ? fifth : 0;
}

function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}
