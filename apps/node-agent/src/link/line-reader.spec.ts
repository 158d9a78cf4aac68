import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineReader, LineTooLong } from './line-reader.ts';

describe('the line reader', () => {
  it('gives the same lines however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary' })),
        fc.array(fc.nat({ max: 20 }), { minLength: 1 }),
        (texts, cuts) => {
          const lines = texts.map((text) => JSON.stringify(text));
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          const reader = new LineReader();
          const read: string[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = (cuts[i % cuts.length] ?? 0) + 1;
            read.push(...reader.push(bytes.subarray(at, at + size)));
            at += size;
          }
          expect(read).toEqual(lines);
        },
      ),
    );
  });

  it('takes a line of the limit and refuses one byte more, before the line has ended', () => {
    const reader = new LineReader(4);
    expect(reader.push(Buffer.from('1234\n12'))).toEqual(['1234']);
    expect(reader.push(Buffer.from('34'))).toEqual([]);
    expect(() => reader.push(Buffer.from('5'))).toThrow(LineTooLong);
  });
});
