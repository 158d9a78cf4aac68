import { describe, expect, it } from 'vitest';
import { readPause } from './read-pace.ts';

describe('readPause', () => {
  it.each([
    ['a small table every two seconds', 5, 5_000, 2_000],
    ['a large one less often', 200, 5_000, 4_000],
    ['never so seldom that statistics get older than they may', 400, 5_000, 4_600],
    ['as often as statistics are wanted young', 5, 500, 495],
    ['a huge one at twice the time that it takes, however young they are wanted', 3_000, 1_000, 6_000],
    ['a small one ten times a second at the most', 1, 1, 100],
    ['a large one seldom where they may be old', 1_000, 30_000, 20_000],
  ])('reads %s', (_, took, age, pause) => {
    expect(readPause(took, age)).toBe(pause);
  });
});
