import type { RandomSource } from '@keepfleet/machine';

/** What breaks parsers of lines more often than other characters do. */
const TRICKY = ['{', '}', '"', "'", '\\', '#', '!', '$', '${', '@', '@^', '~SEQ(', '~LST(', ')', '=', ',', ' ', '\t'];
const WORDS = ['include', '0', '-1', '4294967296', '1.5', '0x10', '\0', '\r', '\u00e9', '\u{1f600}', '::', '/', '255'];
const MOST_CHANGES = 4;

/** A line with a few changes, or one line made of two; what it is read as is up to whoever reads it. */
export function mutatedLine(lines: readonly string[], random: RandomSource): string {
  const below = (limit: number) => Math.floor(random() * limit);
  const one = (list: readonly string[]) => list[below(list.length)] ?? '';
  let line = one(lines);
  for (let change = below(MOST_CHANGES); change >= 0; change--) {
    const at = below(line.length + 1);
    switch (below(6)) {
      case 0:
        line = line.slice(0, at) + one(TRICKY) + line.slice(at);
        break;
      case 1:
        line = line.slice(0, at) + one(WORDS) + line.slice(at + below(4));
        break;
      case 2:
        line = line.slice(0, at) + line.slice(at + 1 + below(6));
        break;
      case 3:
        line = line.slice(0, at) + one(lines).slice(below(20));
        break;
      case 4:
        line = `${line} ${one(lines).trim()}`;
        break;
      case 5:
        line = line.slice(0, at) + String.fromCodePoint(below(0x300)) + line.slice(at);
        break;
    }
  }
  return line.replaceAll('\n', ' ');
}

/** A text of `count` lines that follow each other as in the sources, a part of them changed. */
export function mutatedText(sources: readonly (readonly string[])[], count: number, random: RandomSource): string {
  const source = sources[Math.floor(random() * sources.length)] ?? [];
  const start = Math.floor(random() * Math.max(1, source.length - count));
  return source
    .slice(start, start + count)
    .map((line) => (random() < 0.3 ? mutatedLine(source, random) : line))
    .join('\n');
}
