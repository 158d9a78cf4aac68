import { describe, expect, it } from 'vitest';
import { parseMasterAddress } from './master-address.ts';

describe('parseMasterAddress', () => {
  it.each([
    ['unix:/var/agentx/master', { kind: 'unix', path: '/var/agentx/master' }],
    ['/run/agentx', { kind: 'unix', path: '/run/agentx' }],
    ['tcp:localhost', { kind: 'tcp', host: 'localhost', port: 705 }],
    ['tcp:192.0.2.1:7050', { kind: 'tcp', host: '192.0.2.1', port: 7050 }],
    ['tcp6:[2001:db8::1]:705', { kind: 'tcp', host: '2001:db8::1', port: 705 }],
  ])('reads %s', (text, value) => {
    expect(parseMasterAddress(text)).toEqual({ ok: true, value });
  });

  it.each(['', 'unix:', 'udp:localhost:705', 'tcp:host:0', 'tcp:host:65536', 'tcp:[::1', 'master'])(
    'takes no %j',
    (text) => {
      expect(parseMasterAddress(text)).toEqual({ ok: false, error: { kind: 'bad-master-address', text } });
    },
  );
});
