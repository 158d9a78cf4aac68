const NO_DIGIT = 0x80;

/** Bytes of an ASCII text; a character above 127 is a broken promise of the caller and throws. */
export function asciiBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) throw new RangeError(`not ASCII: ${text.charAt(i)}`);
    bytes[i] = code;
  }
  return bytes;
}

/** Text of bytes, one character a byte (ISO 8859-1), so that nothing is lost. */
export function latin1Text(bytes: Uint8Array): string {
  return textOf(bytes);
}

const DIGITS = asciiBytes('0123456789abcdef');
/** Value of a digit by its character code; {@link NO_DIGIT} for all others. */
const VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = DIGITS.indexOf(code >= 65 && code <= 70 ? code | 0x20 : code);
  return value < 0 ? NO_DIGIT : value;
});
/** Most characters made into text at a time: they are arguments of one call. */
const CHUNK = 8192;

/** Every packet of some protocols goes through here and back: text that grows by two characters at a time would cost more than all else. */
export function hex(bytes: Uint8Array): string {
  const codes = new Uint8Array(2 * bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    codes[2 * i] = DIGITS[byte >> 4] ?? 0;
    codes[2 * i + 1] = DIGITS[byte & 15] ?? 0;
  }
  return textOf(codes);
}

/** Bytes of hexadecimal text; white space between bytes is skipped. */
export function unhex(text: string): Uint8Array<ArrayBuffer> {
  const digits = /\s/.test(text) ? text.replace(/\s+/g, '') : text;
  const bytes = new Uint8Array(digits.length >> 1);
  let wrong = digits.length % 2 !== 0;
  for (let i = 0; i < bytes.length; i++) {
    const high = VALUES[digits.charCodeAt(2 * i)] ?? NO_DIGIT;
    const low = VALUES[digits.charCodeAt(2 * i + 1)] ?? NO_DIGIT;
    wrong ||= ((high | low) & NO_DIGIT) !== 0;
    bytes[i] = (high << 4) | low;
  }
  if (wrong) throw new TypeError(`not hexadecimal: ${text}`);
  return bytes;
}

/** Each octet as the character of its number. */
function textOf(codes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < codes.length; i += CHUNK) {
    const chunk: unknown = Reflect.apply(String.fromCharCode, undefined, codes.subarray(i, i + CHUNK));
    text += String(chunk);
  }
  return text;
}
