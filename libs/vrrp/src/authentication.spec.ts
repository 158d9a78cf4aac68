import { createHmac } from 'node:crypto';
import { type Instant, after, instant, seconds } from '@keepfleet/machine';
import { type IpAddress, hex, ip, unhex } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { Authenticator, type Surroundings, authenticationProblem } from './authentication.ts';
import { headerVectors } from './fixtures/adverts.ts';
import type { ReceivedPacket } from './messages.ts';
import { NO_AUTH_DATA, decodeAdvert, encodeAdvert } from './packet.ts';
import { type HmacSettings, type VirtualRouterSettings, virtualRouter } from './settings.ts';

const START = instant(1_700_000_000_000_000);
const SOURCE = ip('192.0.2.1');
const GROUP = ip('224.0.0.18');

const surroundings: Surroundings = {
  digests: {
    hmac: (algorithm, key, data) => new Uint8Array(createHmac(algorithm, key).update(data).digest()),
  },
  unixMicros: (now) => now,
};

const v2 = virtualRouter({ name: 'V', vrid: 7, interface: 'eth0' });
const v3: VirtualRouterSettings = { ...v2, version: 3 };
const hmac: HmacSettings = {
  keys: [
    { id: 1, secret: '11'.repeat(32) },
    { id: 2, secret: '22'.repeat(64) },
  ],
  activeKey: 1,
  window: seconds(5),
  antiReplay: 'time',
  mode: 'enforce',
};
const ah: VirtualRouterSettings = { ...v2, auth: { type: 'ah', password: 's3cret' } };

/** An advert as `sender` signs it, as it arrives. */
function sent(
  sender: Authenticator,
  settings: VirtualRouterSettings,
  now: Instant = START,
  source: IpAddress = SOURCE,
): ReceivedPacket {
  const common = { vrid: 7, priority: 150, addresses: [] };
  const path = { source, destination: settings.family === 'ipv6' ? ip('ff02::12') : GROUP };
  const bytes = encodeAdvert(
    settings.version === 2
      ? {
          ...common,
          version: 2,
          family: 'ipv4',
          authType: settings.auth === undefined ? 0 : 2,
          seconds: 1,
          authData: NO_AUTH_DATA,
        }
      : { ...common, version: 3, family: settings.family, centiseconds: 100 },
    path,
  );
  const signed = sender.signer(settings, now)?.(bytes, path) ?? { bytes };
  return {
    kind: 'packet',
    interface: 'eth0',
    ...path,
    ttl: 255,
    bytes: hex(signed.bytes),
    ...(signed.ipHeader === undefined ? {} : { ipHeader: hex(signed.ipHeader) }),
  };
}

/** The message, or the kind of what is wrong. */
function opened(
  receiver: Authenticator,
  packet: ReceivedPacket,
  settings: VirtualRouterSettings,
  now: Instant = START,
) {
  const result = receiver.open(packet, settings, now);
  if (!result.ok) return 'reason' in result.error ? `${result.error.kind} ${result.error.reason}` : result.error.kind;
  const { bytes, covered } = result.value;
  return decodeAdvert(bytes, packet, { v3ChecksumAsV2: false, covered }).ok ? 'accepted' : 'undecodable';
}

const flipped = (text: string, at: number) => {
  const bytes = unhex(text);
  bytes.set([(bytes.at(at) ?? 0) ^ 1], at < 0 ? bytes.length + at : at);
  return hex(bytes);
};

describe('the authentication header', () => {
  const received = ({ path, bytes, ipHeader }: (typeof headerVectors)[number], at?: number): ReceivedPacket => {
    const whole = at === undefined ? ipHeader + bytes : flipped(ipHeader + bytes, at);
    const [head, rest] = [whole.slice(0, ipHeader.length), whole.slice(ipHeader.length)];
    return { kind: 'packet', interface: 'eth0', ...path, ttl: 255, bytes: rest, ipHeader: head };
  };

  const settingsOf = ({ advert, path }: (typeof headerVectors)[number]): VirtualRouterSettings => ({
    ...ah,
    vrid: advert.vrid,
    ...(path.destination === GROUP ? {} : { unicast: { peers: [{ address: path.source }] } }),
  });

  it.each(headerVectors)('of keepalived is read: $name', (vector) => {
    const packet = received(vector);
    const result = new Authenticator(surroundings).open(packet, settingsOf(vector), START);
    if (!result.ok) throw new Error(result.error.kind);
    const { bytes, covered } = result.value;
    expect(decodeAdvert(bytes, packet, { v3ChecksumAsV2: false, covered })).toEqual({ ok: true, value: vector.advert });
  });

  it.each(headerVectors)('of keepalived is refused with one bit changed: $name', (vector) => {
    const settings = settingsOf(vector);
    const length = (vector.ipHeader.length + vector.bytes.length) / 2;
    // On the way a router may change the type of service, the fragment, the checksum and, of unicast, the TTL.
    const mutable = [1, 6, 7, 10, 11, ...(settings.unicast === undefined ? [] : [8])];
    for (let at = 0; at < length; at++) {
      if (mutable.includes(at)) continue;
      const result = new Authenticator(surroundings).open(received(vector, at), settings, START);
      expect(result.ok, `byte ${at}`).toBe(false);
    }
  });

  it('is accepted by who has the password, once', () => {
    const [sender, receiver] = [new Authenticator(surroundings), new Authenticator(surroundings)];
    const packet = sent(sender, ah);
    expect(opened(receiver, packet, ah)).toBe('accepted');
    expect(opened(receiver, packet, ah)).toBe('auth-failure sequence');
    expect(opened(receiver, sent(sender, ah), ah)).toBe('accepted');
  });

  it('of a backup that takes over goes on from its master’s number', () => {
    const [first, second, third] = [1, 2, 3].map(() => new Authenticator(surroundings));
    if (first === undefined || second === undefined || third === undefined) throw new Error('three were made');
    for (let i = 0; i < 5; i++) {
      const packet = sent(first, ah);
      for (const listener of [second, third]) expect(opened(listener, packet, ah)).toBe('accepted');
    }
    expect(opened(third, sent(second, ah), ah)).toBe('accepted');
    expect(opened(third, sent(new Authenticator(surroundings), ah), ah)).toBe('auth-failure sequence');
  });

  it.each([
    [
      'another password',
      (packet: ReceivedPacket) => packet,
      { ...ah, auth: { type: 'ah', password: 'other' } as const },
    ],
    ['a changed message', (packet: ReceivedPacket) => ({ ...packet, bytes: flipped(packet.bytes, 26) }), ah],
    ['a changed source', (packet: ReceivedPacket) => ({ ...packet, ipHeader: flipped(packet.ipHeader ?? '', 15) }), ah],
    ['a changed TTL', (packet: ReceivedPacket) => ({ ...packet, ipHeader: flipped(packet.ipHeader ?? '', 8) }), ah],
  ])('is refused with %s', (_, changed, settings) => {
    const packet = changed(sent(new Authenticator(surroundings), ah));
    expect(opened(new Authenticator(surroundings), packet, settings)).toBe('auth-failure signature');
  });

  it('leaves the TTL out where adverts may be routed', () => {
    const unicast: VirtualRouterSettings = { ...ah, unicast: { peers: [{ address: ip('192.0.2.2') }], ttl: 64 } };
    const packet = sent(new Authenticator(surroundings), unicast);
    const routed = { ...packet, ipHeader: flipped(packet.ipHeader ?? '', 8) };
    expect(opened(new Authenticator(surroundings), routed, unicast)).toBe('accepted');
  });

  it('is wanted or not: the other kind is a wrong type', () => {
    const receiver = new Authenticator(surroundings);
    expect(opened(receiver, sent(new Authenticator(surroundings), v2), ah)).toBe('auth-type');
    expect(opened(receiver, sent(new Authenticator(surroundings), ah), v2)).toBe('auth-type');
  });
});

describe('the trailer of auth_hmac', () => {
  const six: VirtualRouterSettings = { ...v3, family: 'ipv6', hmac };
  it.each([
    ['version 2', { ...v2, hmac }, SOURCE],
    ['version 3', { ...v3, hmac }, SOURCE],
    ['IPv6, whose checksum covers it', six, ip('fe80::1')],
  ])('is accepted in %s, once', (_, settings, source) => {
    const receiver = new Authenticator(surroundings);
    const packet = sent(new Authenticator(surroundings), settings, START, source);
    expect(opened(receiver, packet, settings)).toBe('accepted');
    expect(opened(receiver, packet, settings)).toBe('auth-replay');
  });

  it('is bound to router, source, message and key', () => {
    const settings = { ...v2, hmac };
    const packet = sent(new Authenticator(surroundings), settings);
    const check = (changed: ReceivedPacket, own: VirtualRouterSettings = settings) =>
      opened(new Authenticator(surroundings), changed, own);
    expect(check(packet, { ...settings, vrid: 8 })).toBe('auth-invalid');
    expect(check({ ...packet, source: ip('192.0.2.3') })).toBe('auth-invalid');
    expect(check({ ...packet, bytes: flipped(packet.bytes, 2) })).toBe('auth-invalid');
    expect(check({ ...packet, bytes: flipped(packet.bytes, -1) })).toBe('auth-invalid');
    expect(check({ ...packet, bytes: packet.bytes.slice(0, -2) })).toBe('auth-malformed');
    expect(check(packet, { ...settings, hmac: { ...hmac, keys: [{ id: 2, secret: '22'.repeat(32) }] } })).toBe(
      'auth-unknown-key',
    );
  });

  it('may be signed by the next key before everybody signs with it', () => {
    const rotated = { ...v2, hmac: { ...hmac, activeKey: 2 } };
    const packet = sent(new Authenticator(surroundings), rotated);
    expect(opened(new Authenticator(surroundings), packet, { ...v2, hmac })).toBe('accepted');
  });

  it('grows although the clock stands still or goes back a little', () => {
    const [sender, receiver] = [new Authenticator(surroundings), new Authenticator(surroundings)];
    const settings = { ...v2, hmac };
    for (const now of [START, START, after(START, seconds(2)), after(START, seconds(1))])
      expect(opened(receiver, sent(sender, settings, now), settings, now)).toBe('accepted');
  });

  it('of a clock beyond the window is stale, unless only growth is asked for', () => {
    const settings = { ...v2, hmac };
    const packet = sent(new Authenticator(surroundings), settings);
    const later = after(START, seconds(6));
    expect(opened(new Authenticator(surroundings), packet, settings, later)).toBe('auth-stale');
    const growing = { ...v2, hmac: { ...hmac, antiReplay: 'monotonic' as const } };
    const receiver = new Authenticator(surroundings);
    expect(opened(receiver, packet, growing, later)).toBe('accepted');
    expect(opened(receiver, packet, growing, later)).toBe('auth-replay');
  });

  it('comes back after the sender’s clock was put right', () => {
    const settings = { ...v2, hmac };
    const [sender, receiver] = [new Authenticator(surroundings), new Authenticator(surroundings)];
    const fast = after(START, seconds(3600));
    expect(opened(receiver, sent(sender, settings, fast), settings)).toBe('auth-stale');
    expect(opened(receiver, sent(sender, settings, START), settings)).toBe('accepted');
  });

  it.each([
    ['enforce', 'auth-missing', true],
    ['permissive', 'accepted', true],
    ['receive-only', 'accepted', false],
  ] as const)('in mode %s: without one %s; signs: %s', (mode, verdict, signs) => {
    const settings: VirtualRouterSettings = { ...v2, hmac: { ...hmac, mode } };
    const bare = sent(new Authenticator(surroundings), v2);
    expect(opened(new Authenticator(surroundings), bare, settings)).toBe(verdict);
    expect(new Authenticator(surroundings).signer(settings, START) !== undefined).toBe(signs);
    const wrong = sent(new Authenticator(surroundings), {
      ...v2,
      hmac: { ...hmac, keys: [{ id: 1, secret: '33'.repeat(32) }] },
    });
    expect(opened(new Authenticator(surroundings), wrong, settings)).toBe('auth-invalid');
  });
});

describe('settings of authentication', () => {
  it.each([
    ['a password of nine', { ...v2, auth: { type: 'password', password: '123456789' } as const }],
    ['AH over IPv6', { ...v3, family: 'ipv6' as const, auth: { type: 'ah', password: 'x' } as const }],
    ['both', { ...ah, hmac }],
    ['no such key', { ...v2, hmac: { ...hmac, activeKey: 3 } }],
    ['a short key', { ...v2, hmac: { ...hmac, keys: [{ id: 1, secret: '11' }] } }],
    ['two keys of one id', { ...v2, hmac: { ...hmac, keys: [...hmac.keys, ...hmac.keys] } }],
  ])('are refused: %s', (_, settings: VirtualRouterSettings) => {
    expect(authenticationProblem(settings)).toBeDefined();
  });

  it('are taken otherwise', () => {
    for (const settings of [v2, ah, { ...v2, hmac }]) expect(authenticationProblem(settings)).toBeUndefined();
  });
});
