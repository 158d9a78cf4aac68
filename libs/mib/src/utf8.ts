/** UTF-8 of a text, cut between two characters at `limit` bytes. A lone surrogate becomes U+FFFD. */
export function utf8Bytes(text: string, limit: number): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const character of text) {
    const encoded = encode(character.codePointAt(0) ?? 0xfffd);
    if (bytes.length + encoded.length > limit) break;
    bytes.push(...encoded);
  }
  return Uint8Array.from(bytes);
}

function encode(code: number): number[] {
  if (code < 0x80) return [code];
  if (code < 0x800) return [0xc0 | (code >> 6), continuation(code)];
  if (code >= 0xd800 && code <= 0xdfff) return encode(0xfffd);
  if (code < 0x10000) return [0xe0 | (code >> 12), continuation(code >> 6), continuation(code)];
  return [0xf0 | (code >> 18), continuation(code >> 12), continuation(code >> 6), continuation(code)];
}

function continuation(bits: number): number {
  return 0x80 | (bits & 0x3f);
}
