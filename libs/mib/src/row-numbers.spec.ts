import { describe, expect, it } from 'vitest';
import { rows, instanceRow } from './rows.fixture.ts';
import { allTables } from './mibs.ts';
import { oid } from './oid.ts';
import { KeptRowNumbers } from './row-numbers.ts';
import { MibView } from './view.ts';

describe('KeptRowNumbers', () => {
  it('counts from 1 in the order of the list', () => {
    expect(new KeptRowNumbers().of('x', ['a', 'b', 'c'])).toEqual([1, 2, 3]);
  });

  it('leaves a row its number when others come and go, and gives nobody the number of one that is gone', () => {
    const numbers = new KeptRowNumbers();
    numbers.of('x', ['a', 'b', 'c']);
    expect(numbers.of('x', ['new', 'c', 'a'])).toEqual([4, 3, 1]);
    expect(numbers.of('x', ['b'])).toEqual([2]);
  });

  it('has the same numbers after a restart', () => {
    const before = new KeptRowNumbers();
    before.of('x', ['a', 'b']);
    before.of('x', ['b']);
    const after = new KeptRowNumbers(JSON.parse(JSON.stringify(before.stored())));
    expect(after.of('x', ['c', 'b', 'a'])).toEqual([3, 2, 1]);
    expect(after.revision).toBe(1);
  });

  it('tells the same name twice apart', () => {
    expect(new KeptRowNumbers().of('x', ['a', 'a', 'b'])).toEqual([1, 2, 3]);
  });

  it('forgets names that are gone when there are very many, never those of the list', () => {
    const numbers = new KeptRowNumbers();
    for (let i = 0; i < 5000; i++) numbers.of('x', ['stays', `n${i}`]);
    expect(numbers.of('x', ['stays', 'next'])).toEqual([1, 5002]);
    expect(Object.keys(numbers.stored()['x']?.numbers ?? {}).length).toBeLessThan(1100);
    expect(numbers.one('x', 'stays', () => [])).toBe(1);
  });

  it('is what a view shows: rows in the order of their numbers', () => {
    const numbers = new KeptRowNumbers();
    const view = new MibView(allTables, numbers);
    const named = (row: number) => view.get([...oid('1.3.6.1.4.1.9586.100.5.2.3.1.3'), row]);
    const instances = ['a', 'b', 'c'].map((name, i) => instanceRow(name, { vrid: i + 1 }));
    view.update({ ...rows(), instances });
    expect(named(2)).toEqual({ type: 'gauge32', value: 2 });
    view.update({ ...rows(), instances: [instanceRow('new', { vrid: 9 }), ...instances.slice(1).reverse()] });
    expect([1, 2, 3, 4].map(named)).toEqual([
      { type: 'no-such-instance' },
      { type: 'gauge32', value: 2 },
      { type: 'gauge32', value: 3 },
      { type: 'gauge32', value: 9 },
    ]);
    const next = view.next({ start: [...oid('1.3.6.1.4.1.9586.100.5.2.3.1.3'), 3], include: false, end: [] });
    expect(next?.name.at(-1)).toBe(4);
  });
});
