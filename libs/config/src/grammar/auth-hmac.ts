import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { integer, oneOf, seconds } from './readers.ts';
import { type Draft, type Row, type Table, assign, readBlock, sets } from './rows.ts';

/** `auth_hmac` as written. */
export interface HmacLines {
  keys: readonly { readonly id: number; readonly secret: string }[];
  activeKey: number;
  window: number;
  antiReplay: 'time' | 'monotonic';
  mode: 'enforce' | 'permissive' | 'receive-only';
}

const MIN_KEY = 32;
const MAX_KEY = 64;

const keyLine = syntax('1..255 KEY', `7 ${'k'.repeat(MIN_KEY)}`, (args: Arguments) => {
  const id = integer(1, 255)(args);
  const word = id === undefined ? undefined : args.need('a key');
  if (id === undefined || word === undefined) return undefined;
  if (word.text.startsWith('file:')) {
    args.diagnostics.error(
      'bad-value',
      word.at,
      `key ${id} is in a file of its own, which is not read`,
      'write the key here, as text or as hex:…, or include a file with the whole line',
    );
    return undefined;
  }
  const secret = word.text.startsWith('hex:') ? word.text.slice(4).toLowerCase() : hexOf(word.text);
  if (!/^([0-9a-f]{2})*$/.test(secret) || secret.length < 2 * MIN_KEY || secret.length > 2 * MAX_KEY)
    return args.bad({ text: '…', at: word.at }, `a key of ${MIN_KEY} to ${MAX_KEY} bytes, as text or as hex:…`);
  return { id, secret };
});

const contents: Table<Draft<HmacLines>> = {
  key: {
    implemented: true,
    ...(keyLine.form === undefined ? {} : { form: keyLine.form }),
    read(target, args) {
      const key = keyLine(args);
      if (key === undefined) return;
      const keys = target.set.keys ?? [];
      const same = keys.find(({ id }) => id === key.id);
      if (same?.secret === key.secret) return;
      if (same !== undefined)
        args.diagnostics.error('duplicate', args.at, `there is a key ${key.id} already; give each its own number`);
      else assign(target, 'keys', [...keys, key], args.at);
    },
  },
  active_key: sets('activeKey', integer(1, 255)),
  time_window: sets('window', seconds(1, 300)),
  anti_replay: sets('antiReplay', oneOf('time', 'monotonic')),
  mode: sets('mode', oneOf('enforce', 'permissive', 'receive-only')),
};

/** A block of an instance that keeps what it says in one field. */
export function authHmac<T extends { hmac: Partial<HmacLines> }>(): Row<Draft<T>> {
  return {
    block: 'required',
    implemented: true,
    field: 'hmac',
    contents,
    read(target, args, block) {
      const inner: Draft<HmacLines> = { at: args.at, set: { ...target.set.hmac }, places: {} };
      if (block !== undefined) readBlock(contents, inner, block, args.diagnostics);
      assign(target, 'hmac', inner.set as T['hmac'], args.at);
    },
  };
}

function hexOf(text: string): string {
  // UTF-8: the file's own bytes.
  const bytes = unescape(encodeURIComponent(text));
  return Array.from(bytes, (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}
