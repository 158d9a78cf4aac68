import { describe, expect, it } from 'vitest';
import { parseReloadTime } from './reload-time.ts';

const NOW = new Date('2026-03-10T12:00:00Z');

describe('the time of a reload', () => {
  it.each([
    ['12:30:00Z', '2026-03-10T12:30:00.000Z', false],
    ['11:30:00Z', '2026-03-11T11:30:00.000Z', false],
    ['2026-04-01 01:02:03Z', '2026-04-01T01:02:03.000Z', true],
    ['27-12-31 23:59:59 Z', '2027-12-31T23:59:59.000Z', true],
    [' 12:00:01Z\n', '2026-03-10T12:00:01.000Z', false],
  ])('%j is %s', (text, at, dated) => {
    expect(parseReloadTime(text, NOW)).toEqual({ at: new Date(at), dated });
  });

  it.each(['', 'soon', '25:00:00', '12:60:00', '2026-02-30 12:00:00Z', '2026-13-01 12:00:00', '12:00'])(
    '%j is none',
    (text) => {
      expect(parseReloadTime(text, NOW)).toBeUndefined();
    },
  );

  it('is local without a Z', () => {
    const at = new Date(NOW);
    at.setHours(23, 59, 58, 0);
    if (at.getTime() <= NOW.getTime()) at.setDate(at.getDate() + 1);
    expect(parseReloadTime('23:59:58', NOW)?.at).toEqual(at);
  });
});
