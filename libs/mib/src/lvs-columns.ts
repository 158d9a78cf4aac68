import { type Duration, micros } from '@keepfleet/machine';
import { columnsOf } from './columns.ts';
import type { ForwardingRow, ScriptRow, TrafficRow } from './rows.ts';
import type { Column } from './table.ts';

export const FORWARDING = { nat: 1, dr: 2, tun: 3 } as const;
export const ALIVE = { true: ['alive', 1], false: ['dead', 2] } as const;
export const WHEN_DOWN = { true: ['inhibit', 2], false: ['remove', 1] } as const;

const TUNNEL = { ipip: 1, gue: 2, gre: 3 } as const;
const CHECKSUM = { nocsum: 1, csum: 2, remcsum: 3 } as const;

/** What a time shows that nothing sets. */
export const NO_TIME: Duration = micros(0);

/** Of what the kernel does not have: it counts from 0 when it comes there. */
export const NO_TRAFFIC: TrafficRow = {
  connections: '0',
  inPackets: '0',
  outPackets: '0',
  inBytes: '0',
  outBytes: '0',
  connectionRate: 0,
  inPacketRate: 0,
  outPacketRate: 0,
  inByteRate: 0,
  outByteRate: 0,
};

/** Where a table has the first of each run of its statistics columns. */
export interface TrafficNumbers {
  readonly connections: number;
  /** Packets in and out, bytes in and out. */
  readonly totals: number;
  readonly rates: number;
  readonly wideTotals: number;
  readonly halves: number;
  readonly wideRates: number;
}

/** The statistics columns that virtualServerTable and realServerTable share but for their place. */
export function trafficColumns<Row>(
  prefix: string,
  traffic: (row: Row) => TrafficRow | null,
  at: TrafficNumbers,
): Column<Row>[] {
  const columns = columnsOf<Row>();
  const of = (member: keyof TrafficRow) => (row: Row) => traffic(row)?.[member] ?? null;
  const rates = [
    ['Cps', 'connectionRate'],
    ['InPPS', 'inPacketRate'],
    ['OutPPS', 'outPacketRate'],
    ['InBPS', 'inByteRate'],
    ['OutBPS', 'outByteRate'],
  ] as const;
  return [
    columns.gauge32(at.connections, `${prefix}StatsConns`, of('connections')),
    columns.counter32(at.totals, `${prefix}StatsInPkts`, of('inPackets')),
    columns.counter32(at.totals + 1, `${prefix}StatsOutPkts`, of('outPackets')),
    columns.counter64(at.totals + 2, `${prefix}StatsInBytes`, of('inBytes')),
    columns.counter64(at.totals + 3, `${prefix}StatsOutBytes`, of('outBytes')),
    columns.counter64(at.wideTotals, `${prefix}StatsConns64`, of('connections')),
    columns.counter64(at.wideTotals + 1, `${prefix}StatsInPkts64`, of('inPackets')),
    columns.counter64(at.wideTotals + 2, `${prefix}StatsOutPkts64`, of('outPackets')),
    ...rates.flatMap(([name, member], i) => [
      columns.gauge32(at.rates + i, `${prefix}Rate${name}`, of(member)),
      columns.low32(at.halves + 2 * i, `${prefix}Rate${name}Low`, of(member)),
      columns.high32(at.halves + 2 * i + 1, `${prefix}Rate${name}High`, of(member)),
      columns.counter64(at.wideRates + i, `${prefix}Rate${name}64`, of(member)),
    ]),
  ];
}

/** Type, port and checksum of a tunnel, three columns from `first` on; absent where there is none. */
export function tunnelColumns<Row>(
  prefix: string,
  first: number,
  forwarding: (row: Row) => ForwardingRow,
): Column<Row>[] {
  const columns = columnsOf<Row>();
  const tunnelOf = (row: Row) => {
    const way = forwarding(row);
    return way.kind === 'tun' ? way.tunnel : null;
  };
  return [
    columns.enumerated(first, `${prefix}TunnelType`, TUNNEL, (row) => tunnelOf(row)?.type ?? null),
    columns.port(first + 1, `${prefix}TunnelPort`, (row) => {
      const tunnel = tunnelOf(row);
      return tunnel?.type === 'gue' ? tunnel.port : null;
    }),
    columns.enumerated(first + 2, `${prefix}TunnelCsum`, CHECKSUM, (row) => {
      const tunnel = tunnelOf(row);
      return tunnel === null || tunnel.type === 'ipip' ? null : tunnel.checksum;
    }),
  ];
}

export function inOrder<Row>(columns: readonly Column<Row>[]): readonly Column<Row>[] {
  return columns.toSorted((a, b) => a.number - b.number);
}

export function commandOf(script: ScriptRow | null): string | null {
  return script === null ? null : script.command;
}

/** The file that a script was resolved to; what was written where that is the same. */
export function pathOf(script: ScriptRow | null): string | null {
  return script === null ? null : (script.path ?? script.command);
}
