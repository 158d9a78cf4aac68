import { fuzz } from '@keepfleet/testkit';
import { type Advert, type Path, decodeAdvert, encodeAdvert } from '@keepfleet/vrrp';
import { ip } from '@keepfleet/wire';
import type { Soak } from '../soak.ts';

const path4: Path = { source: ip('192.0.2.1'), destination: ip('224.0.0.18') };
const path6: Path = { source: ip('fe80::1'), destination: ip('ff02::12') };

const adverts: readonly [Advert, Path][] = [
  [
    {
      version: 2,
      family: 'ipv4',
      vrid: 1,
      priority: 150,
      authType: 1,
      seconds: 2,
      addresses: [ip('198.51.100.15')],
      authData: '7333637265740000',
    },
    path4,
  ],
  [{ version: 3, family: 'ipv4', vrid: 2, priority: 100, centiseconds: 10, addresses: [ip('198.51.100.15')] }, path4],
  [
    {
      version: 3,
      family: 'ipv6',
      vrid: 3,
      priority: 255,
      centiseconds: 100,
      addresses: [ip('fe80::15'), ip('2001:db8::15')],
    },
    path6,
  ],
];

export const soak: Soak = {
  about: 'VRRP adverts, mutated, into the decoder',
  count: 1_000_000,
  unit: 'inputs',
  run: (task) => {
    let read = 0;
    const { slowest } = fuzz({
      ...task,
      vectors: adverts.map(([advert, path]) => encodeAdvert(advert, path)),
      decode: (bytes) => {
        for (const path of [path4, path6]) if (decodeAdvert(bytes, path).ok) read++;
      },
      clock: () => performance.now(),
    });
    return { accepted: read, 'slowest ms': slowest.toFixed(2) };
  },
};
