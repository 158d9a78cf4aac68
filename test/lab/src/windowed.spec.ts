import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { windowBytes, Windowed } from './windowed.ts';

function line() {
  const target = new PassThrough();
  const read = () => {
    const chunk: unknown = target.read();
    return Buffer.isBuffer(chunk) ? chunk.length : 0;
  };
  return { windowed: new Windowed(target), read };
}

describe('Windowed', () => {
  it('holds back what goes beyond the window until it is confirmed', () => {
    const { windowed, read } = line();
    windowed.write(Buffer.alloc(windowBytes + 100));
    expect(read()).toBe(windowBytes);
    windowed.confirm(60);
    expect(read()).toBe(60);
    windowed.confirm(windowBytes);
    expect(read()).toBe(40);
  });

  it('counts several small messages together', () => {
    const { windowed, read } = line();
    for (let message = 0; message < 30; message++) windowed.write(Buffer.alloc(100));
    expect(read()).toBe(windowBytes);
    windowed.confirm(windowBytes);
    expect(read()).toBe(30 * 100 - windowBytes);
  });
});
