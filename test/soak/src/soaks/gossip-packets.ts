import { readFileSync } from 'node:fs';
import { decodeNotice, encodeNotice } from '@keepfleet/swim';
import { fuzz } from '@keepfleet/testkit';
import { hex, ip, unhex } from '@keepfleet/wire';
import { GossipTarget } from '../gossip/target.ts';
import type { Soak } from '../soak.ts';

interface Vectors {
  readonly datagrams: readonly { readonly wire: string; readonly plain?: string }[];
  readonly streams: readonly { readonly wire: string; readonly plain: string }[];
}

const file = new URL('../../../../libs/swim/vectors/serf-0.9.4.json', import.meta.url);
const captured = JSON.parse(readFileSync(file, 'utf8')) as Vectors;
const notice = encodeNotice({
  node: 'n',
  layout: 7,
  part: 0,
  parts: 1,
  sequence: 9,
  entries: [
    {
      vrid: 1,
      family: 'ipv4',
      address: ip('198.51.100.1'),
      role: 'master',
      hearsMaster: false,
      priority: 100,
      since: 5,
    },
  ],
});

export const soak: Soak = {
  about:
    'gossip datagrams, streams and ownership notices, mutated, into whole members, in plain, of strangers, of insiders',
  count: 1_000_000,
  unit: 'inputs',
  run: (task) => {
    const targets = (['plain', 'stranger', 'insider'] as const).map((kind) => new GossipTarget(kind));
    const vectors = [...captured.datagrams, ...captured.streams]
      .flatMap((one) => [one.wire, ...(one.plain === undefined ? [] : [one.plain])])
      .map(unhex);
    const { slowest } = fuzz({
      ...task,
      vectors: [...vectors, notice],
      decode: (bytes) => {
        for (const target of targets) target.take(hex(bytes));
        decodeNotice('kf-vrrp/n/0', bytes);
      },
      clock: () => performance.now(),
    });
    for (const target of targets) target.check();
    return {
      'slowest ms': slowest.toFixed(1),
      'members believed, plain': targets[0]?.believed ?? 0,
      'by an insider': targets[2]?.believed ?? 0,
      'heap MB': Math.round(process.memoryUsage().heapUsed / 1e6),
    };
  },
};
