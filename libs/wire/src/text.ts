/** Bytes of an ASCII text; a character above 127 is a broken promise of the caller and throws. */
export function asciiBytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (code > 127) throw new RangeError(`not ASCII: ${character}`);
    return code;
  });
}

/** Text of bytes, one character a byte (ISO 8859-1), so that nothing is lost. */
export function latin1Text(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += PAIRS[byte] ?? '';
  return text;
}

/** Bytes of hexadecimal text; white space between bytes is skipped. */
export function unhex(text: string): Uint8Array<ArrayBuffer> {
  const digits = /\s/.test(text) ? text.replace(/\s+/g, '') : text;
  const bytes = new Uint8Array(digits.length >> 1);
  let wrong = digits.length % 2 !== 0;
  for (let i = 0; i < bytes.length; i++) {
    const high = digitOf(digits.charCodeAt(2 * i));
    const low = digitOf(digits.charCodeAt(2 * i + 1));
    wrong ||= high < 0 || low < 0;
    bytes[i] = (high << 4) | low;
  }
  if (wrong) throw new TypeError(`not hexadecimal: ${text}`);
  return bytes;
}

function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
