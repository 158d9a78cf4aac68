import { describe, expect, it } from 'vitest';
import { GossipError } from './errors.ts';
import { parseSeed } from './seeds.ts';

describe('a seed', () => {
  it.each<[string, string, number]>([
    ['10.0.0.1', '10.0.0.1', 7946],
    ['10.0.0.1:8301', '10.0.0.1', 8301],
    ['lb1.example.net', 'lb1.example.net', 7946],
    ['lb1.example.net:1', 'lb1.example.net', 1],
    ['2001:db8::1', '2001:db8::1', 7946],
    ['[2001:db8::1]', '2001:db8::1', 7946],
    ['[2001:db8::1]:65535', '2001:db8::1', 65535],
  ])('%s is %s port %i', (text, host, port) => {
    expect(parseSeed(text)).toEqual({ host, port });
  });

  it.each(['', ':1', '10.0.0.1:', '10.0.0.1:0', '10.0.0.1:65536', 'a:b', '[::1', '2001:db8::zz', '[]:1'])(
    '"%s" is none',
    (text) => {
      expect(() => parseSeed(text)).toThrow(GossipError);
    },
  );
});
