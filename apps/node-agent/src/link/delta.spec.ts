import { describe, expect, it } from 'vitest';
import { deltaOf, readDelta } from './delta.ts';

const server = (key: string, weight: number) => ({ key, weight, checkers: [{ kind: 'tcp' }] });
const same = (key: string) => ({ same: key });
const before = { policy: { drift: 'repair' }, groups: ['g'], services: [server('a', 1), server('b', 2)] };

describe('a delta', () => {
  it.each([
    ['nothing', before, [same('a'), same('b')]],
    ['one item', { ...before, services: [server('a', 1), server('b', 3)] }, [same('a'), server('b', 3)]],
    ['the order', { ...before, services: [server('b', 2), server('a', 1)] }, [same('b'), same('a')]],
    ['an item less', { ...before, services: [server('b', 2)] }, [same('b')]],
    ['an item more', { ...before, services: [server('c', 0), server('a', 1)] }, [server('c', 0), same('a')]],
    ['all of them', { ...before, services: [] }, []],
    ['another field', { ...before, policy: { drift: 'report' } }, [same('a'), same('b')]],
  ])('of %s has the keys of what stays, and is read to the same', (_what, next, services) => {
    const sent: unknown = JSON.parse(JSON.stringify(deltaOf(before, next)));
    expect(sent).toEqual({ ...next, services });
    const read = readDelta(before, sent);
    expect(read?.whole({ ...read.changed })).toEqual(next);
  });

  it('keeps the very items that stay, and hands out only what is new for a check', () => {
    const next = { ...before, services: [server('a', 9), server('b', 2)] };
    const read = readDelta(before, deltaOf(before, next));
    expect(read?.changed).toMatchObject({ services: [server('a', 9)] });
    const whole = read?.whole({ services: [{ ...server('a', 9), checked: true }] });
    expect(whole?.services[0]).toHaveProperty('checked');
    expect(whole?.services[1]).toBe(before.services[1]);
  });

  it.each([
    ['a key that was not there', { services: [same('z')] }],
    ['keys where no list was', { policy: [same('a')] }],
    ['no object', 7],
  ])('of %s cannot be read', (_what, delta) => {
    expect(readDelta(before, delta)).toBeUndefined();
  });
});
