import { ByteWriter, hex, ip, unhex } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttributeWriter } from './attributes.ts';
import {
  type Destination,
  type Forwarding,
  type Operation,
  OperationWriter,
  type Service,
  type ServiceId,
  decodeDestination,
  decodeInfo,
  decodeService,
  encodeListDestinations,
  encodeOperation,
} from './index.ts';

const web: ServiceId = { kind: 'address', protocol: 'tcp', address: ip('198.51.100.15'), port: 80 };
const options = {
  scheduler: 'rr',
  persistent: false,
  onePacket: false,
  flag1: false,
  flag2: false,
  flag3: false,
  timeout: 0,
  netmask: 0xffffffff,
  engine: '',
};
const nat: Destination = {
  address: ip('192.168.1.10'),
  port: 80,
  forwarding: { kind: 'nat' },
  weight: 5,
  upperThreshold: 0,
  lowerThreshold: 0,
};

// Attribute numbers and widths of linux/ip_vs.h, written out by hand.
const requests: readonly (readonly [name: string, operation: Operation, command: number, payload: string])[] = [
  [
    'a service of TCP over IPv4',
    { kind: 'create-service', service: { id: web, ...options } },
    1,
    `5400 0180
     0600 0100 0200 0000  0600 0200 0600 0000  1400 0300 c633640f 00000000 00000000 00000000  0600 0400 0050 0000
     0700 0600 727200 00  0c00 0700 00000000 ffffffff  0800 0800 00000000  0800 0900 ffffffff`,
  ],
  [
    'a persistent service of UDP over IPv6 with flags and an engine',
    {
      kind: 'set-service',
      service: {
        id: { kind: 'address', protocol: 'udp', address: ip('2001:db8::15'), port: 5060 },
        ...options,
        scheduler: 'sh',
        persistent: true,
        onePacket: true,
        flag1: true,
        flag2: true,
        timeout: 300,
        netmask: 64,
        engine: 'sip',
      },
    },
    2,
    `5c00 0180
     0600 0100 0a00 0000  0600 0200 1100 0000  1400 0300 20010db8 00000000 00000000 00000015  0600 0400 13c4 0000
     0700 0600 736800 00  0c00 0700 1d000000 ffffffff  0800 0800 2c010000  0800 0900 40000000  0800 0b00 73697000`,
  ],
  [
    'a mark of IPv6',
    { kind: 'delete-service', id: { kind: 'fwmark', fwmark: 7, family: 'ipv6' } },
    3,
    '1400 0180 0600 0100 0a00 0000 0800 0500 07000000',
  ],
  [
    'a mask of 24 bits, in network order',
    {
      kind: 'create-service',
      service: { id: { kind: 'fwmark', fwmark: 1, family: 'ipv4' }, ...options, netmask: 0xffffff00 },
    },
    1,
    `3800 0180 0600 0100 0200 0000  0800 0500 01000000
     0700 0600 727200 00  0c00 0700 00000000 ffffffff  0800 0800 00000000  0800 0900 ffffff00`,
  ],
  [
    'a destination by NAT',
    { kind: 'create-destination', service: web, destination: nat },
    5,
    `3000 0180
     0600 0100 0200 0000  0600 0200 0600 0000  1400 0300 c633640f 00000000 00000000 00000000  0600 0400 0050 0000
     4800 0280
     1400 0100 c0a8010a 00000000 00000000 00000000  0600 0200 0050 0000  0600 0b00 0200 0000
     0800 0300 00000000  0800 0400 05000000  0800 0500 00000000  0800 0600 00000000`,
  ],
  [
    'a destination by a GUE tunnel',
    {
      kind: 'set-destination',
      service: web,
      destination: { ...nat, forwarding: { kind: 'tun', tunnel: { type: 'gue', port: 6080, checksum: 'remcsum' } } },
    },
    6,
    `3000 0180
     0600 0100 0200 0000  0600 0200 0600 0000  1400 0300 c633640f 00000000 00000000 00000000  0600 0400 0050 0000
     6000 0280
     1400 0100 c0a8010a 00000000 00000000 00000000  0600 0200 0050 0000  0600 0b00 0200 0000
     0800 0300 02000000  0800 0400 05000000  0800 0500 00000000  0800 0600 00000000
     0500 0d00 01000000  0600 0e00 17c0 0000  0600 0f00 0200 0000`,
  ],
  [
    'a destination to delete',
    { kind: 'delete-destination', service: web, destination: { address: ip('fd00::10'), port: 8080 } },
    7,
    `3000 0180
     0600 0100 0200 0000  0600 0200 0600 0000  1400 0300 c633640f 00000000 00000000 00000000  0600 0400 0050 0000
     2800 0280
     1400 0100 fd000000 00000000 00000000 00000010  0600 0200 1f90 0000  0600 0b00 0a00 0000`,
  ],
];

describe('an encoded operation', () => {
  it.each(requests)('%s has the bytes of linux/ip_vs.h', (_name, operation, command, payload) => {
    const request = encodeOperation(operation);
    expect(request.command).toBe(command);
    expect(hex(request.payload)).toBe(hex(unhex(payload)));
  });

  it('is the same one after another, whatever came before it', () => {
    const address = fc.constantFrom('192.168.1.10', '192.168.1.11', '255.255.255.255', 'fd00::10').map(ip);
    const service = fc.constantFrom<ServiceId>(
      web,
      { kind: 'fwmark', fwmark: 7, family: 'ipv4' },
      { ...web, port: 81 },
    );
    const number = fc.constantFrom(0, 1, 0xffff, 0x7fffffff, 0xffffffff);
    const forwarding = fc.constantFrom<Forwarding>(
      { kind: 'nat' },
      { kind: 'dr' },
      { kind: 'tun', tunnel: { type: 'ipip' } },
      { kind: 'tun', tunnel: { type: 'gue', port: 6080, checksum: 'csum' } },
    );
    const destination = fc.record({
      address,
      port: fc.integer({ min: 0, max: 0xffff }),
      forwarding,
      weight: number,
      upperThreshold: number,
      lowerThreshold: number,
    });
    const operation = fc.oneof(
      fc.record({ kind: fc.constantFrom('create-destination', 'set-destination'), service, destination }),
      fc.record({ kind: fc.constant('delete-destination'), service, destination }),
      fc.constantFrom(...requests.map(([, each]) => each)),
    );
    fc.assert(
      fc.property(fc.array(operation), fc.nat(3), (operations, before) => {
        const bytes = new ByteWriter().zeros(before * 4);
        const writer = new OperationWriter(bytes);
        for (const each of operations) {
          const start = bytes.length;
          writer.write(each);
          expect(hex(bytes.written().subarray(start))).toBe(hex(encodeOperation(each).payload));
        }
      }),
    );
  });

  it('asks for the destinations of one service', () => {
    expect(encodeListDestinations({ kind: 'fwmark', fwmark: 7, family: 'ipv4' })).toEqual({
      command: 8,
      payload: unhex('1400 0180 0600 0100 0200 0000 0800 0500 07000000'),
    });
  });
});

const STATS = { service: [10, 12], destination: [10, 12] } as const;

type Write = (writer: AttributeWriter) => void;

const counters =
  (width: 4 | 8): Write =>
  (writer) => {
    for (let type = 1; type <= 10; type++) {
      const value = new Uint8Array(width);
      value[0] = type;
      if (width === 8 && type === 4) value[7] = 0x80;
      writer.raw(type, value);
    }
  };

/** What the kernel answers for a service: what was sent to create it, and the statistics. */
function answered(bytes: Uint8Array, nest: 1 | 2, extra: Write): Uint8Array {
  const skip = nest === 1 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint16(0, true);
  const whole = new AttributeWriter().nested(nest, extra).finish();
  const answer = Uint8Array.of(...whole.subarray(0, 4), ...bytes.subarray(skip + 4), ...whole.subarray(4));
  new DataView(answer.buffer).setUint16(0, answer.length, true);
  return answer;
}

function destinationAnswer(destination: Destination, extra: Write = () => undefined): Uint8Array {
  return answered(encodeOperation({ kind: 'create-destination', service: web, destination }).payload, 2, (writer) => {
    extra(writer);
    writer.u32(7, 1).u32(8, 2).u32(9, 3).nested(STATS.destination[1], counters(8));
  });
}

function serviceAnswer(service: Service, width: 4 | 8 = 8): Uint8Array {
  return answered(encodeOperation({ kind: 'create-service', service }).payload, 1, (writer) =>
    writer.nested(STATS.service[width === 8 ? 1 : 0], counters(width)),
  );
}

const counted = {
  connections: '1',
  inPackets: '2',
  outPackets: '3',
  inBytes: '9223372036854775812',
  outBytes: '5',
  connectionRate: 6,
  inPacketRate: 7,
  outPacketRate: 8,
  inByteRate: 9,
  outByteRate: 10,
};

const services: fc.Arbitrary<Service> = fc.record({
  id: fc.oneof(
    fc.record({
      kind: fc.constant('address' as const),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
      address: fc.constantFrom(ip('198.51.100.15'), ip('2001:db8::15')),
      port: fc.nat(65_535),
    }),
    fc.record({
      kind: fc.constant('fwmark' as const),
      fwmark: fc.integer({ min: 1, max: 0xffffffff }),
      family: fc.constantFrom('ipv4' as const, 'ipv6' as const),
    }),
  ),
  scheduler: fc.constantFrom('rr', 'wlc', 'mh'),
  persistent: fc.boolean(),
  onePacket: fc.boolean(),
  flag1: fc.boolean(),
  flag2: fc.boolean(),
  flag3: fc.boolean(),
  timeout: fc.nat(2_678_400),
  netmask: fc.integer({ min: 0, max: 0xffffffff }),
  engine: fc.constantFrom('', 'sip'),
});

describe('a decoded answer', () => {
  it('is the service that was created', () => {
    fc.assert(
      fc.property(services, (service) => {
        expect(decodeService(serviceAnswer(service))).toEqual({ ok: true, value: { ...service, traffic: counted } });
      }),
    );
  });

  it.each<[string, Destination['forwarding']]>([
    ['nat', { kind: 'nat' }],
    ['dr', { kind: 'dr' }],
    ['local', { kind: 'local' }],
    ['ipip', { kind: 'tun', tunnel: { type: 'ipip' } }],
    ['gre', { kind: 'tun', tunnel: { type: 'gre', checksum: 'csum' } }],
    ['gue', { kind: 'tun', tunnel: { type: 'gue', port: 6080, checksum: 'nocsum' } }],
  ])('is the destination that was created: %s', (_name, forwarding) => {
    const destination = { ...nat, forwarding, weight: 70_000, upperThreshold: 9, lowerThreshold: 8 };
    expect(decodeDestination(destinationAnswer(destination), web)).toEqual({
      ok: true,
      value: { ...destination, connections: { active: 1, inactive: 2, persistent: 3 }, traffic: counted },
    });
  });

  it('of somebody else by a tunnel with flags that are not ours leaves the table readable', () => {
    const hexOf = (checksum: 'csum' | 'remcsum') =>
      hex(destinationAnswer({ ...nat, forwarding: { kind: 'tun', tunnel: { type: 'gue', port: 6080, checksum } } }));
    const [one, two] = [hexOf('csum'), hexOf('remcsum')];
    const at = [...one].findIndex((digit, i) => digit !== two[i]);
    const both = `${one.slice(0, at)}3${one.slice(at + 1)}`;
    const result = decodeDestination(unhex(both), web);
    expect(result.ok && result.value.forwarding).toEqual({ kind: 'other-tunnel' });
  });

  it('has the 32-bit statistics of an old kernel', () => {
    const result = decodeService(serviceAnswer({ id: web, ...options }, 4));
    expect(result.ok && result.value.traffic).toEqual({ ...counted, inBytes: '4' });
  });

  it('has the version of IPVS', () => {
    expect(decodeInfo(unhex('0800 0100 01020100  0800 0200 00100000'))).toEqual({
      ok: true,
      value: { version: '1.2.1', connectionTableSize: 4096 },
    });
  });

  it.each([
    ['truncated', '0600'],
    ['truncated', '0900 0180 00000000'],
    ['bad-length', '0300 0100'],
    ['missing', ''],
    ['missing', '0400 0180'],
    ['bad-length', '1000 0180 0b00 0700 00000000 ffffff00'],
    ['bad-length', '1400 0180 0500 0100 02000000 0700 0700 000000 00'],
    ['unknown-value', '1800 0180 0600 0100 6300 0000 0c00 0700 00000000 ffffffff'],
    ['too-many', '0400 0100'.repeat(257)],
  ])('reports %s in %.60s', (kind, payload) => {
    const result = decodeService(unhex(payload));
    expect(result.ok ? 'ok' : result.error.kind).toBe(kind);
  });

  it('of any bytes is a value or an error', () => {
    const mutated = fc
      .tuple(fc.constantFrom(serviceAnswer({ id: web, ...options }), destinationAnswer(nat)), fc.nat(), fc.nat(255))
      .map(([bytes, at, value]) => bytes.with(at % bytes.length, value));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), mutated), (bytes) => {
        for (const result of [decodeService(bytes), decodeDestination(bytes, web), decodeInfo(bytes)]) {
          if (!result.ok) expect(result.error.kind).toMatch(/^(truncated|bad-length|missing|unknown-value|too-many)$/);
        }
      }),
    );
  });
});
