import { describe, expect, it, vi } from 'vitest';
import { rehearse } from './rehearse.ts';

function logOf(rehearsal?: () => void) {
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  rehearse(log, rehearsal);
  return log;
}

describe('a rehearsal of a takeover', () => {
  it('that goes well says nothing', () => {
    for (const say of Object.values(logOf())) expect(say).not.toHaveBeenCalled();
  });

  it('that fails is told and does no harm', () => {
    const failure = new TypeError('no such line');
    const { error } = logOf(() => {
      throw failure;
    });
    expect(error).toHaveBeenCalledExactlyOnceWith({ err: failure }, expect.stringContaining('no such line'));
  });
});
