import type { IpAddress } from '@keepfleet/wire';
import type { Arguments } from './context.ts';
import { described } from './form.ts';
import { type Reader, address, boolean, integer } from './readers.ts';
import { type Draft, type Table, fixes, sets } from './rows.ts';
import { type Weight, weight } from './tracking.ts';

/** The settings of `bfd_instance` as written; intervals in microseconds. */
export interface BfdSettings {
  neighbor: IpAddress;
  source: IpAddress;
  minRx: number;
  minTx: number;
  idleTx: number;
  multiplier: number;
  passive: boolean;
  ttl: number;
  maxHops: number;
  multihop: boolean;
  weight: Weight;
  forVrrp: boolean;
  forChecker: boolean;
}

const MAX_MILLIS = 4_294_967;
const MICROS = 1_000;

/** Milliseconds with up to three decimals, to whole microseconds. */
function milliseconds(low: number): Reader<number> {
  return described({ kind: 'seconds', low, high: MAX_MILLIS, unit: 'ms' }, (args: Arguments) => {
    const found = args.need('a time in milliseconds');
    if (found === undefined) return undefined;
    if (!/^\+?(\d+(\.\d*)?|\.\d+)$/.test(found.text)) return args.bad(found, 'a time in milliseconds');
    const value = Number(found.text);
    if (value >= low && value <= MAX_MILLIS) return Math.round(value * MICROS);
    return args.outOfRange(found, `${low} to ${MAX_MILLIS} milliseconds`);
  });
}

const neighbor = sets<BfdSettings, 'neighbor'>('neighbor', address);
const ttl = sets<BfdSettings, 'ttl'>('ttl', integer(1, 255));

export const bfdInstance: Table<Draft<BfdSettings>> = {
  neighbor_ip: neighbor,
  neighbour_ip: neighbor,
  source_ip: sets('source', address),
  min_rx: sets('minRx', milliseconds(1)),
  min_tx: sets('minTx', milliseconds(1)),
  idle_tx: sets('idleTx', milliseconds(1000)),
  multiplier: sets('multiplier', integer(1, 255)),
  passive: fixes('passive', true),
  ttl,
  hoplimit: ttl,
  max_hops: sets('maxHops', integer(-1, 255)),
  multihop: sets('multihop', boolean),
  weight: sets('weight', weight),
  vrrp: fixes('forVrrp', true),
  checker: fixes('forChecker', true),
};
