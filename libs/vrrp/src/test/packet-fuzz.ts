import { type Duration, instant, seconds } from '@keepfleet/machine';
import { hex, ip, unhex } from '@keepfleet/wire';
import { Authenticator, type Surroundings } from '../authentication.ts';
import { advertVectors, headerVectors } from '../fixtures/adverts.ts';
import { toySurroundings } from '../fixtures/surroundings.ts';
import {
  type HmacSettings,
  type VirtualRouterSettings,
  VrrpNode,
  decodeAdvert,
  encodeAdvert,
  virtualRouter,
} from '../index.ts';

// Every decoder of received bytes: the message alone, and within a node the authentication header and the trailer too.

const source = ip('192.0.2.9');
const path = { source, destination: ip('224.0.0.18') };
const NOW = instant(1_000_000);
const HEADER = 20;

const hmac: HmacSettings = {
  keys: [{ id: 1, secret: '11'.repeat(32) }],
  activeKey: 1,
  window: seconds(5),
  antiReplay: 'monotonic',
  mode: 'permissive',
};

const routers: readonly VirtualRouterSettings[] = [
  virtualRouter({ name: 'plain', vrid: 1, interface: 'eth0' }),
  virtualRouter({ name: 'header', vrid: 1, interface: 'eth1', auth: { type: 'ah', password: 's3cret' } }),
  virtualRouter({ name: 'trailer', vrid: 1, interface: 'eth2', version: 3, hmac }),
  virtualRouter({ name: 'six', vrid: 1, interface: 'eth3', family: 'ipv6', hmac }),
];

/** Adverts of keepalived and FRR, and signed ones: with their IP header before an authentication header. */
export const fuzzVectors: readonly Uint8Array[] = [
  ...advertVectors.map(({ bytes }) => unhex(bytes)),
  ...headerVectors.map(({ ipHeader, bytes }) => unhex(ipHeader + bytes)),
  ...signed(),
];

/** Gives bytes to every decoder; answers how many adverts were obeyed or understood. Throws only what a decoder throws. */
export function everyDecoder(surroundings: Surroundings = toySurroundings): (bytes: Uint8Array) => number {
  const node = new VrrpNode(surroundings);
  for (const [i, { interface: name }] of routers.entries()) {
    const addresses = [ip('192.0.2.1'), ip('fe80::1')].map((address) => ({ address, prefix: 24 }));
    node.handle({ kind: 'interface', interface: { name, index: i + 1, up: true, addresses } }, NOW);
  }
  const settings = { startupDelay: 0 as Duration, logUnknownVrids: true, instances: routers };
  node.handle({ kind: 'configure', settings }, NOW);
  return (bytes) => {
    let read = 0;
    for (const { interface: name, family } of routers) {
      const from = family === 'ipv4' ? path : { source: ip('fe80::9'), destination: ip('ff02::12') };
      if (decodeAdvert(bytes, from).ok) read++;
      const packet = { kind: 'packet', interface: name, ttl: 255, ...from } as const;
      node.handle({ ...packet, bytes: hex(bytes) }, NOW);
      const [ipHeader, rest] = [hex(bytes.subarray(0, HEADER)), hex(bytes.subarray(HEADER))];
      node.handle({ ...packet, bytes: rest, ipHeader }, NOW);
    }
    return read;
  };
}

function signed(): Uint8Array[] {
  return routers.flatMap((settings) => {
    const signer = new Authenticator(toySurroundings).signer(settings, NOW);
    if (signer === undefined || settings.family === 'ipv6') return [];
    const common = { vrid: settings.vrid, priority: 200, addresses: [ip('198.51.100.1')] };
    const message =
      settings.version === 3
        ? encodeAdvert({ ...common, version: 3, family: 'ipv4', centiseconds: 100 }, path)
        : encodeAdvert(
            { ...common, version: 2, family: 'ipv4', authType: 2, seconds: 1, authData: '0000000000000000' },
            path,
          );
    const { bytes, ipHeader } = signer(message, path);
    return [Uint8Array.from([...(ipHeader ?? []), ...bytes])];
  });
}
