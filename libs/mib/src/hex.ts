const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Like hex() of the wire library, a few times faster: every request passes here. */
export function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += DIGITS[byte] ?? '';
  return text;
}

/** Writes the bytes of hexadecimal text that the driver made; anything else is a broken promise and throws. */
export function writeHex(text: string, target: Uint8Array, at: number): void {
  for (let i = 0; i < text.length; i += 2) {
    target[at + i / 2] = (digit(text.charCodeAt(i)) << 4) | digit(text.charCodeAt(i + 1));
  }
}

function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  if (code >= 0x41 && code <= 0x46) return code - 0x37;
  throw new TypeError('not a hexadecimal digit');
}
