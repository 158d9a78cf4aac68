import { commentStart } from './comment.ts';

const SIGNS: readonly (readonly [RegExp, string])[] = [
  [/^\s*include[rmwba]?\s/, 'includes'],
  [/^\s*@/, 'lines for some nodes only'],
  [/^\s*(?:@\S+\s+)*\$\w+=/, 'definitions'],
  [/^\s*~(?:SEQx?|LST)\(/, 'repetitions'],
  [/\$\{_(?:ENV|RANDOM|INSTANCE|PWD)\b/, 'values of the place where it is read'],
];

/** What a text has that is gone once it is read, in words. */
export function preprocessing(text: string): readonly string[] {
  const found = new Set<string>();
  for (const line of text.split('\n')) {
    const code = line.slice(0, commentStart(line));
    for (const [sign, name] of SIGNS) if (sign.test(code)) found.add(name);
  }
  return [...found];
}
