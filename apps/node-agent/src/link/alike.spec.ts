import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { alikeItems, withLikeness } from './alike.ts';

const port = z.int().max(65_535);
const server = z.object({ key: z.string(), port, tags: z.array(z.string()) });
const schema = z.object({ services: alikeItems(z.object({ key: z.string(), servers: alikeItems(server) })) });

const real = (key: string, number = 80, tags = ['a']) => ({ key, port: number, tags });
const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('items like the one before', () => {
  const settings = {
    services: [
      { key: 'one', servers: [real('x'), real('y'), real('z', 81), real('w', 81, ['b', 'c'])] },
      { key: 'two', servers: [real('x')] },
      { key: 'three', servers: [real('x')] },
      { key: 'four', servers: [] },
    ],
  };

  it('are told as what differs, and read to the same', () => {
    const sent = throughJson(withLikeness(settings));
    expect(sent).toEqual({
      services: [
        {
          key: 'one',
          servers: [
            real('x'),
            { like: { key: 'y' } },
            { like: { key: 'z', port: 81 } },
            { like: { key: 'w', tags: ['b', 'c'] } },
          ],
        },
        { like: { key: 'two', servers: [real('x')] } },
        { like: { key: 'three' } },
        { like: { key: 'four', servers: [] } },
      ],
    });
    expect(schema.parse(sent)).toEqual(settings);
  });

  it('are those with a key alone: what is inside of them is told whole', () => {
    const checks = [
      { url: '/', status: 200 },
      { url: '/x', status: 200 },
    ];
    expect(withLikeness([{ key: 'x', checks }])).toEqual([{ key: 'x', checks }]);
  });

  it('are read too when they come whole', () => {
    expect(schema.parse(throughJson(settings))).toEqual(settings);
  });

  it('are never like one of an earlier revision, which is not read with them', () => {
    const told = [real('x'), { same: 'y' }, real('z')];
    expect(withLikeness(told)).toEqual([real('x'), { same: 'y' }, { like: { key: 'z' } }]);
    expect(withLikeness([{ same: 'y' }, real('z')])).toEqual([{ same: 'y' }, real('z')]);
  });

  it.each([
    ['a field more', { key: 'a' }, { key: 'b', port: 1 }],
    ['a field less', { key: 'a', port: 1 }, { key: 'b' }],
    ['a field that JSON leaves out', { key: 'a', port: 1 }, { key: 'b', port: undefined }],
  ])('are told whole where they have %s', (_what, first, second) => {
    expect(withLikeness([first, second])).toEqual([first, second]);
  });

  it.each<[string, unknown[], PropertyKey[]]>([
    ['a field that is wrong', [real('x'), { like: { key: 'y', port: 65_536 } }], [1, 'port']],
    ['an inner value that is wrong', [real('x'), { like: { tags: ['a', 7] } }], [1, 'tags', 1]],
    ['an item that is wrong and comes whole', [real('x'), { key: 'y' }], [1, 'port']],
    ['no item before', [{ like: real('x') }], [0, 'key']],
    ['no object', [real('x'), 7], [1]],
    ['a likeness that is none', [real('x'), { like: 7 }], [1, 'key']],
  ])('are refused with %s, and the place named', (_what, servers, place) => {
    const read = schema.safeParse({ services: [{ key: 'one', servers }] });
    expect(read.error?.issues[0]?.path).toEqual(['services', 0, 'servers', ...place]);
  });

  it('leave out a field that the schema does not know, as whole items do', () => {
    const read = schema.parse({ services: [{ key: 'one', servers: [real('x'), { like: { key: 'y', later: 1 } }] }] });
    expect(read.services[0]?.servers).toEqual([real('x'), real('y')]);
  });
});
