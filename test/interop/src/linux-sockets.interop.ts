import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Link,
  PACKET_LIMIT,
  PacketSocket,
  RawIpSocket,
  type RawIpSettings,
  type ReceivedPacket,
  Rtnetlink,
  connectTcp,
  inNetworkNamespace,
  isLinuxError,
  monotonicMicros,
} from '@keepfleet/linux';
import { waitFor } from '@keepfleet/testkit';
import { type IpAddress, ip, ipBytes, macBytes } from '@keepfleet/wire';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TwoNamespaces, run } from './linux-stand.ts';

const stand = new TwoNamespaces();
const open: { close(): void }[] = [];
const GROUPS = { ipv4: ip('224.0.0.18'), ipv6: ip('ff02::12') };
const text = new TextEncoder();

beforeAll(() => stand.up());
afterAll(() => stand.down());
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

interface Ear {
  readonly socket: RawIpSocket;
  readonly packets: ReceivedPacket[];
  readonly device: Link;
  heard(payload: string): Promise<ReceivedPacket>;
}

function raw(namespace: string, family: 'ipv4' | 'ipv6', settings: Partial<RawIpSettings> = {}): Ear {
  return inNetworkNamespace(namespace, () => {
    const rtnetlink = new Rtnetlink();
    const device = rtnetlink.links().find(({ name }) => name.startsWith('kf'));
    rtnetlink.close();
    if (device === undefined) throw new Error('no interface');
    const packets: ReceivedPacket[] = [];
    const socket = new RawIpSocket(
      {
        family,
        protocol: 112,
        interface: device,
        hopLimit: 255,
        trafficClass: 0xc0,
        groups: [GROUPS[family]],
        ...settings,
      },
      {
        packet: (packet) => packets.push(packet),
        error: (error) => {
          throw error;
        },
      },
    );
    open.push(socket);
    const spoken = ({ payload }: ReceivedPacket) => new TextDecoder().decode(payload);
    const heard = (what: string) =>
      waitFor(() => packets.find((packet) => spoken(packet).startsWith(what)), { deadline: 90_000, what });
    return { socket, packets, device, heard };
  });
}

describe.each(['ipv4', 'ipv6'] as const)('raw %s sockets', (family) => {
  it('read at once all that has arrived, and no flood beyond it', async () => {
    const near = raw(stand.near, family);
    const far = raw(stand.far, family);
    near.socket.send(text.encode('first'), GROUPS[family]);
    await far.heard('first');
    const before = monotonicMicros() - 1_000;
    // More than it reads in a turn of the event loop.
    for (let i = 0; i < 200; i++) near.socket.send(text.encode(`${i}`), GROUPS[family]);
    far.socket.readUntil(before);
    expect(far.packets).toHaveLength(2);
    far.socket.readUntil(Infinity);
    expect(far.packets.slice(1).map(({ payload }) => new TextDecoder().decode(payload))).toEqual(
      Array.from({ length: 200 }, (_, i) => `${i}`),
    );
  });

  it('carry a multicast with all that a protocol must check, and not back to the sender', async () => {
    const near = raw(stand.near, family);
    const far = raw(stand.far, family);
    const before = monotonicMicros();
    near.socket.send(text.encode('hello'), GROUPS[family]);
    const packet = await far.heard('hello');
    expect(packet).toMatchObject({
      destination: GROUPS[family],
      hopLimit: 255,
      interface: far.device.index,
      truncated: false,
      source: family === 'ipv4' ? stand.nearAddress : expect.stringMatching(/^fe80::/),
    });
    expect(packet.payload).toHaveLength(5);
    // Wall clock and monotonic clock are compared in microseconds: allow the rounding of both.
    expect(packet.at).toBeGreaterThan(before - 1_000);
    expect(packet.at).toBeLessThanOrEqual(monotonicMicros());
    far.socket.send(text.encode('answer'), GROUPS[family]);
    await near.heard('answer');
    expect(near.packets).toHaveLength(1);
  });

  it('show the hop limit that came, not one that should have', async () => {
    const near = raw(stand.near, family, { hopLimit: 254 });
    const far = raw(stand.far, family);
    near.socket.send(text.encode('far away'), GROUPS[family]);
    expect((await far.heard('far away')).hopLimit).toBe(254);
  });

  it('send from the address asked for', async () => {
    const source = family === 'ipv4' ? '203.0.113.5' : '2001:db8::5';
    stand.ip(stand.near, 'address', 'add', `${source}/32`, 'dev', 'kfa');
    const near = raw(stand.near, family);
    const far = raw(stand.far, family);
    near.socket.send(text.encode('from'), GROUPS[family], ip(source));
    expect((await far.heard('from')).source).toBe(source);
  });

  it('say when a packet was longer than what is kept', async () => {
    stand.ip(stand.near, 'link', 'set', 'kfa', 'mtu', '20000');
    stand.ip(stand.far, 'link', 'set', 'kfb', 'mtu', '20000');
    const near = raw(stand.near, family);
    const far = raw(stand.far, family);
    near.socket.send(new Uint8Array(PACKET_LIMIT + 100).fill(0x41), GROUPS[family]);
    expect((await far.heard('AAA')).truncated).toBe(true);
  });

  it('hear no group that was not joined', async () => {
    const other = { ipv4: ip('224.0.0.99'), ipv6: ip('ff02::99') }[family];
    const near = raw(stand.near, family);
    const far = raw(stand.far, family);
    near.socket.send(text.encode('to others'), other);
    near.socket.send(text.encode('to us'), GROUPS[family]);
    await far.heard('to us');
    expect(far.packets).toHaveLength(1);
  });

  it('let the kernel drop what a filter refuses', async () => {
    // Load the first byte of the IP payload (behind the header of IPv4), keep 'k', drop the rest.
    const load =
      family === 'ipv4'
        ? [
            { code: 0xb1, value: 0 },
            { code: 0x50, value: 0 },
          ]
        : [{ code: 0x30, value: 0 }];
    const filter = [
      ...load,
      { code: 0x15, value: 0x6b, ifTrue: 0, ifFalse: 1 },
      { code: 0x06, value: 0x40000 },
      { code: 0x06, value: 0 },
    ];
    const near = raw(stand.near, family);
    const far = raw(stand.far, family, { filter });
    near.socket.send(text.encode('drop me'), GROUPS[family]);
    near.socket.send(text.encode('keep me'), GROUPS[family]);
    await far.heard('keep me');
    expect(far.packets).toHaveLength(1);
  });

  it('carry unicast too', async () => {
    const near = raw(stand.near, family, { groups: [] });
    const far = raw(stand.far, family, { groups: [] });
    const farAddress =
      family === 'ipv4'
        ? stand.farAddress
        : (/inet6 (fe80[0-9a-f:]+)/.exec(stand.ip(stand.far, '-6', 'address', 'show', 'dev', 'kfb'))?.[1] ?? '');
    near.socket.send(text.encode('just you'), ip(farAddress));
    expect((await far.heard('just you')).destination).toBe(farAddress);
  });
});

describe('a raw socket in trouble', () => {
  it('fails to send on an interface that is down, with a code, and works when it is up again', async () => {
    const near = raw(stand.near, 'ipv4');
    const far = raw(stand.far, 'ipv4');
    stand.ip(stand.near, 'link', 'set', 'kfa', 'down');
    expect(() => near.socket.send(text.encode('x'), GROUPS.ipv4)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^E(NETUNREACH|NETDOWN)$/) }),
    );
    stand.ip(stand.near, 'link', 'set', 'kfa', 'up');
    const end = performance.now() + 60_000;
    // The far end's carrier needs a moment; sending again is what an advertiser does.
    while (far.packets.length === 0 && performance.now() < end) {
      near.socket.send(text.encode('back'), GROUPS.ipv4);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await far.heard('back');
  });

  it('survives the removal of its interface', async () => {
    const near = raw(stand.near, 'ipv4');
    const near6 = raw(stand.near, 'ipv6');
    stand.ip(stand.near, 'link', 'delete', 'kfa');
    for (const [{ socket }, group] of [
      [near, GROUPS.ipv4],
      [near6, GROUPS.ipv6],
    ] as const) {
      expect(() => socket.send(text.encode('x'), group)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^E(NODEV|NXIO|NETUNREACH|INVAL)$/) }),
      );
      socket.close();
    }
    stand.plug();
    await stand.settled();
    const again = raw(stand.near, 'ipv4');
    const far = raw(stand.far, 'ipv4');
    again.socket.send(text.encode('anew'), GROUPS.ipv4);
    await far.heard('anew');
  });

  it('leaves no descriptor behind, closed or refused, also when closed in the midst of packets', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const near = raw(stand.near, 'ipv4');
    const before = descriptors();
    for (let i = 0; i < 100; i++) {
      const far = raw(stand.far, 'ipv4');
      near.socket.send(text.encode('one'), GROUPS.ipv4);
      if (i % 10 === 0) await far.heard('one');
      far.socket.close();
      far.socket.close();
      expect(() => raw(stand.far, 'ipv4', { groups: [ip('192.0.2.9')] })).toThrow(
        expect.objectContaining({ code: 'EINVAL' }),
      );
    }
    await waitFor(() => descriptors() <= before, { deadline: 90_000, what: 'all descriptors closed' });
  });

  it('of a missing interface is refused by name', () => {
    const device = { index: 77, name: 'kf-none' };
    expect(() => raw(stand.near, 'ipv4', { interface: device })).toThrow(
      expect.objectContaining({ code: 'ENODEV', detail: 'kf-none' }),
    );
  });

  it('keeps sending under a flood', async () => {
    const far = raw(stand.far, 'ipv4');
    const near = raw(stand.near, 'ipv4');
    const flood = spawn(
      'ip',
      ['netns', 'exec', stand.far, process.execPath, join(import.meta.dirname, 'linux-flood.ts')],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    await once(flood.stdout, 'data');
    let sent = 0;
    // Who reads for as long as there is something would never have sent.
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        near.socket.send(text.encode('advert'), GROUPS.ipv4);
        if (++sent < 100) return;
        clearInterval(timer);
        resolve();
      }, 10);
    });
    flood.stdin.end();
    await once(flood, 'exit');
    expect(near.packets.length).toBeGreaterThan(1_000);
    // Every advertisement went out while packets poured in; far hears them between its own queue's packets.
    await far.heard('advert');
  });
});

describe('the packet socket', () => {
  it('sends frames as they are: a gratuitous ARP reaches the neighbour table', async () => {
    run('ip', 'netns', 'exec', stand.far, 'sysctl', '-qw', 'net.ipv4.conf.kfb.arp_accept=1');
    const { device } = raw(stand.near, 'ipv4');
    if (device.mac === undefined) throw new Error('no MAC');
    const mac = macBytes(device.mac);
    const socket = inNetworkNamespace(stand.near, () => new PacketSocket());
    open.push(socket);
    const virtual = ip('192.0.2.100');
    socket.send(device.index, gratuitousArp(mac, virtual));
    const neighbours = () => stand.ip(stand.far, 'neighbour', 'show', virtual);
    await waitFor(() => neighbours().includes(`lladdr ${device.mac ?? ''}`), { deadline: 90_000, what: 'the entry' });
    expect(() => socket.send(9999, gratuitousArp(mac, virtual))).toThrow(expect.objectContaining({ code: 'ENXIO' }));
  });
});

describe('a TCP connection', () => {
  it('is given up when the time is over, though nobody answers', async () => {
    // An address of the cable's network that nobody has: the kernel keeps asking.
    const settings = { destination: ip('192.0.2.200'), port: 80, device: 'kfa', mark: 7 };
    const connecting = inNetworkNamespace(stand.near, () => connectTcp(settings, AbortSignal.timeout(100)));
    await expect(connecting).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('is refused through the right namespace', async () => {
    const settings = { destination: ip(stand.farAddress), port: 1, source: { address: ip(stand.nearAddress) } };
    const error: unknown = await inNetworkNamespace(stand.near, () => connectTcp(settings)).catch((e: unknown) => e);
    expect(isLinuxError(error, 'ECONNREFUSED')).toBe(true);
  });
});

function gratuitousArp(mac: Uint8Array, address: IpAddress): Uint8Array {
  const broadcast = new Array<number>(6).fill(0xff);
  const header = [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1];
  return Uint8Array.of(...broadcast, ...mac, ...header, ...mac, ...ipBytes(address), ...broadcast, ...ipBytes(address));
}
