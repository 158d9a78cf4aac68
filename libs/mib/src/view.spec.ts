import { micros, seconds } from '@keepfleet/machine';
import { hex } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_BULK_VARIABLES, answerGetBulk } from './answers.ts';
import { keepalivedMib } from './keepalived-mib.ts';
import { type Oid, compareOids, oid, oidText } from './oid.ts';
import { addressRow, instanceRow, realServerRow, rows, trafficRow, virtualServerRow } from './rows.fixture.ts';
import type { MibRows } from './rows.ts';
import type { Value, VarBind } from './value.ts';
import { MibView } from './view.ts';

const ROOT = '1.3.6.1.4.1.9586.100.5';
const NAMES = new Map(
  keepalivedMib.flatMap(({ entry, columns }) => columns.map(({ number, name }) => [name, [...entry, number]] as const)),
);

/** Name of an instance, such as `realServerWeight.1.1`. */
function named(text: string): Oid {
  const [name = '', ...index] = text.split('.');
  const column = NAMES.get(name);
  if (column === undefined) throw new Error(`no object ${name}`);
  return [...column, ...index.map(Number)];
}

function viewOf(all: MibRows): MibView {
  const view = new MibView(keepalivedMib);
  view.update(all);
  return view;
}

function walk(view: MibView, from: Oid = oid(ROOT), end: Oid = []): VarBind[] {
  const found: VarBind[] = [];
  for (let start = from; ;) {
    const next = view.next({ start, include: false, end });
    if (next === undefined) return found;
    found.push(next);
    start = next.name;
  }
}

/** A value as short text. */
function shown(value: Value): string {
  if (!('value' in value)) return value.type;
  return `${value.type} ${value.value instanceof Uint8Array ? hex(value.value) : String(value.value)}`;
}

describe('MibView', () => {
  it('is empty before the first rows', () => {
    const view = new MibView(keepalivedMib);
    expect(view.get(named('version.0'))).toEqual({ type: 'no-such-object' });
    expect(view.next({ start: oid(ROOT), include: false, end: [] })).toBeUndefined();
  });

  it('walks every variable once, in ascending order, with the value that get gives', () => {
    const view = viewOf(rows());
    const all = walk(view);
    expect(all).toHaveLength(440);
    for (const [i, { name, value }] of all.entries()) {
      if (i > 0) expect(compareOids(all[i - 1]?.name ?? [], name), oidText(name)).toBeLessThan(0);
      expect(view.get(name)).toEqual(value);
      expect(view.next({ start: name, include: true, end: [] })).toEqual({ name, value });
    }
  });

  it('finds from any name what a look at all variables finds', () => {
    const view = viewOf(rows());
    const all = walk(view);
    const near = fc
      .constantFrom(...all.map(({ name }) => name))
      .chain((name) =>
        fc
          .tuple(fc.integer({ min: 0, max: name.length }), fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 3 }))
          .map(([keep, rest]) => [...name.slice(0, keep), ...rest]),
      );
    const anywhere = fc.oneof(near, fc.array(fc.integer({ min: 0, max: 0xffffffff }), { maxLength: 16 }));
    fc.assert(
      fc.property(anywhere, fc.boolean(), fc.oneof(fc.constant([]), anywhere), (start, include, end) => {
        const wanted = all.find(({ name }) => compareOids(name, start) >= (include ? 0 : 1));
        const inRange = wanted !== undefined && (end.length === 0 || compareOids(wanted.name, end) < 0);
        expect(view.next({ start, include, end })).toEqual(inRange ? wanted : undefined);
        const exact = all.find(({ name }) => compareOids(name, start) === 0);
        const value = view.get(start);
        if (exact !== undefined) expect(value).toEqual(exact.value);
        else expect(['no-such-object', 'no-such-instance']).toContain(value.type);
      }),
      { numRuns: 3000 },
    );
  });

  it.each<[string, string]>([
    ['vrrpInstanceName.1', 'octets 56495f31'],
    ['vrrpInstanceState.1', 'integer 2'],
    ['vrrpInstanceInitialState.1', 'integer 1'],
    ['vrrpInstanceEffectivePriority.1', 'integer 140'],
    ['vrrpInstanceAdvertisementsInt.1', 'gauge32 2'],
    ['vrrpInstanceAdvertisementsInt.2', 'gauge32 125'],
    ['vrrpInstanceAccept.1', 'no-such-instance'],
    ['vrrpInstanceAccept.2', 'integer 1'],
    ['vrrpInstanceMulticastAddressType.1', 'integer 1'],
    ['vrrpInstanceMulticastAddress.1', 'octets e0000012'],
    ['vrrpInstanceMulticastAddress.2', 'no-such-instance'],
    ['vrrpInstanceName.3', 'no-such-instance'],
    ['vrrpAddressValue.0.1', 'octets c0000201'],
    ['vrrpAddressScope.0.1', 'integer 1'],
    ['vrrpAddressAdvertising.0.1', 'integer 2'],
    ['vrrpAddressType.1.2', 'integer 2'],
    ['vrrpAddressValue.1.2', 'octets 20010db8000000000000000000000015'],
    ['vrrpAddressAdvertising.2.1', 'integer 1'],
    ['vrrpAddressIfAlias.1.1', 'no-such-instance'],
    ['vrrpAddressIfAlias.1.2', 'octets 78'],
    ['virtualServerGroupMemberType.1.1', 'integer 1'],
    ['virtualServerGroupMemberFwMark.1.1', 'gauge32 7'],
    ['virtualServerGroupMemberPort.1.1', 'no-such-instance'],
    ['virtualServerGroupMemberAddress.1.2', 'octets c6336410'],
    ['virtualServerGroupMemberAddr2.1.3', 'octets c633641d'],
    ['virtualServerType.1', 'integer 2'],
    ['virtualServerAddrType.1', 'integer 1'],
    ['virtualServerAddrType.2', 'no-such-instance'],
    ['virtualServerFwMark.2', 'gauge32 9'],
    ['virtualServerProtocol.2', 'no-such-instance'],
    ['virtualServerLoadBalancingAlgo.2', 'integer 13'],
    ['virtualServerMHFallback.2', 'integer 1'],
    ['virtualServerSHFallback.2', 'integer 2'],
    ['virtualServerPersistGranularity.1', 'octets ffffffff'],
    ['virtualServerPersistGranularity6.1', 'no-such-instance'],
    ['virtualServerPersistGranularity6.2', 'gauge32 128'],
    ['virtualServerStatsInBytes.1', 'counter64 40'],
    ['virtualServerStatsInBytes.2', 'counter64 0'],
    ['virtualServerRealServersTotal.2', 'gauge32 1'],
    ['realServerType.2.1', 'integer 2'],
    ['realServerAddress.2.1', 'octets fd000000000000000000000000000099'],
    ['realServerWeight.2.1', 'no-such-instance'],
    ['realServerType.2.2', 'integer 1'],
    ['realServerWeight.2.2', 'integer 1'],
    ['realServerTunnelPort.2.2', 'gauge32 6080'],
    ['realServerTunnelCsum.2.2', 'integer 3'],
    ['realServerUpperConnectionLimit.1.1', 'no-such-instance'],
    ['realServerUpperConnectionLimit.1.2', 'gauge32 50'],
    ['realServerStatsPersistentConns.1.1', 'gauge32 3'],
    ['realServerStatsInBytes.2.1', 'counter64 0'],
    ['realServerAlpha.2.1', 'integer 2'],
    ['realServerDelayLoop.2.1', 'gauge32 0'],
    ['lvsFlushOnStop.0', 'integer 3'],
    ['lvsSyncDaemonEnabled.0', 'integer 2'],
    ['lvsSyncDaemonPort.0', 'no-such-instance'],
    ['smtpEmailSmtpAlert.0', 'integer 3'],
  ])('has %s = %s', (name, value) => {
    expect(shown(viewOf(rows()).get(named(name)))).toBe(value);
  });

  it('holds numbers within their syntax: counters wrap, gauges stay at their end', () => {
    const traffic = trafficRow({
      connections: '18446744073709551615',
      inPackets: String(0x1_0000_0007),
      inBytes: '18446744073709551615',
      inPacketRate: 0x2_0000_0005,
    });
    const view = viewOf({
      ...rows(),
      virtualServers: [virtualServerRow('x', { traffic, delayLoop: seconds(7200), warmup: micros(1_999_999) })],
    });
    const value = (name: string) => shown(view.get(named(name)));
    expect(value('virtualServerStatsConns.1')).toBe('gauge32 4294967295');
    expect(value('virtualServerStatsConns64.1')).toBe('counter64 18446744073709551615');
    expect(value('virtualServerStatsInPkts.1')).toBe('counter32 7');
    expect(value('virtualServerStatsInBytes.1')).toBe('counter64 18446744073709551615');
    expect(value('virtualServerRateInPPS.1')).toBe('gauge32 4294967295');
    expect(value('virtualServerRateInPPSLow.1')).toBe('gauge32 5');
    expect(value('virtualServerRateInPPSHigh.1')).toBe('gauge32 2');
    expect(value('virtualServerRateInPPS64.1')).toBe('counter64 8589934597');
    expect(value('virtualServerDelayLoop.1')).toBe('gauge32 7200');
    expect(value('virtualServerDelayLoopUsec.1')).toBe('gauge32 4294967295');
    expect(value('virtualServerWarmup.1')).toBe('gauge32 1');
  });

  it('shows how a server is checked as it says itself, or else as its virtual server has it', () => {
    const view = viewOf({
      ...rows(),
      virtualServers: [
        virtualServerRow('x', {
          retry: 3,
          delayBeforeRetry: micros(2_500_000),
          delayLoop: seconds(6),
          connectTimeout: seconds(4),
          realServers: [realServerRow('a', { delayLoop: micros(1_500_000), retry: 0 }), realServerRow('b')],
        }),
      ],
    });
    const columns = ['Retry', 'DelayBeforeRetryUsec', 'DelayLoopUsec', 'ConnTimeoutUsec', 'WarmupUsec'];
    const of = (row: number) => columns.map((column) => shown(view.get(named(`realServer${column}.1.${row}`))));
    expect(of(1)).toEqual(['gauge32 0', 'gauge32 2500000', 'gauge32 1500000', 'gauge32 4000000', 'gauge32 0']);
    expect(of(2)).toEqual(['gauge32 3', 'gauge32 2500000', 'gauge32 6000000', 'gauge32 4000000', 'gauge32 0']);
  });

  it('shows no statistics of what nobody tells about, and 0 of what is not in the pool', () => {
    const shownWith = (state: object) => {
      const view = viewOf({
        ...rows(),
        virtualServers: [
          virtualServerRow('x', { traffic: null, realServers: [realServerRow('a', { kernel: null })], ...state }),
        ],
      });
      return ['virtualServerStatsConns.1', 'realServerStatsConns.1.1', 'realServerStatsActiveConns.1.1'].map((name) =>
        shown(view.get(named(name))),
      );
    };
    expect(shownWith({})).toEqual(['gauge32 0', 'gauge32 0', 'gauge32 0']);
    expect(shownWith({ state: 'unknown' })).toEqual(['no-such-instance', 'no-such-instance', 'no-such-instance']);
  });

  it('writes text as UTF-8 and cuts it at 255 octets between two characters', () => {
    const view = viewOf({ ...rows(), instances: [instanceRow('ü', { interface: 'x' + '€'.repeat(100) })] });
    expect(shown(view.get(named('vrrpInstanceName.1')))).toBe('octets c3bc');
    const value = view.get(named('vrrpInstancePrimaryInterface.1'));
    expect(value.type === 'octets' && value.value.length).toBe(253);
  });

  it.each([
    [0, '00000000'],
    [1, '80000000'],
    [8, 'ff000000'],
    [23, 'fffffe00'],
    [32, 'ffffffff'],
  ])('shows a persistence granularity of /%i as a mask', (granularity, mask) => {
    const view = viewOf({
      ...rows(),
      virtualServers: [virtualServerRow('x', { persistence: { timeout: 50, granularity } })],
    });
    expect(shown(view.get(named('virtualServerPersistGranularity.1')))).toBe(`octets ${mask}`);
    expect(shown(view.get(named('virtualServerPersistTimeout.1')))).toBe('gauge32 50');
  });

  it('shows new rows at once, also where rows have gone', () => {
    const view = viewOf(rows());
    expect(walk(view, named('realServerWeight'), named('realServerUpperConnectionLimit'))).toHaveLength(3);
    view.update({
      ...rows(),
      virtualServers: [virtualServerRow('x', { realServers: [realServerRow('y', { weight: 7 })] })],
    });
    expect(
      walk(view, named('realServerWeight'), named('realServerUpperConnectionLimit')).map(({ value }) => value),
    ).toEqual([{ type: 'integer', value: 7 }]);
    view.update({ ...rows(), virtualServers: [] });
    expect(walk(view, named('realServerWeight'), named('realServerUpperConnectionLimit'))).toEqual([]);
  });

  it.each<[string, string, Value]>([
    ['wrong-value', 'vrrpInstanceBasePriority.1', { type: 'integer', value: 300 }],
    ['wrong-value', 'vrrpInstanceBasePriority.1', { type: 'integer', value: 256 }],
    ['wrong-value', 'vrrpInstanceBasePriority.1', { type: 'integer', value: 0 }],
    ['wrong-value', 'vrrpInstanceBasePriority.1', { type: 'integer', value: -1 }],
    ['wrong-type', 'vrrpInstanceBasePriority.1', { type: 'gauge32', value: 100 }],
    ['wrong-type', 'vrrpInstanceBasePriority.1', { type: 'octets', value: new Uint8Array([0, 255]) }],
    ['no-creation', 'vrrpInstanceBasePriority.3', { type: 'integer', value: 100 }],
    ['no-creation', 'vrrpInstanceBasePriority.1.1', { type: 'integer', value: 100 }],
    ['wrong-value', 'vrrpInstancePreempt.1', { type: 'integer', value: 3 }],
    ['wrong-value', 'realServerWeight.1.1', { type: 'integer', value: -1 }],
    ['no-creation', 'realServerWeight.2.1', { type: 'integer', value: 1 }],
    ['no-creation', 'vrrpInstanceAccept.1', { type: 'integer', value: 1 }],
    ['wrong-value', 'vrrpInstanceAccept.2', { type: 'integer', value: 0 }],
    ['wrong-value', 'vrrpInstancePromoteSecondaries.1', { type: 'integer', value: 3 }],
    ['not-writable', 'vrrpInstanceUseLinkbeat.1', { type: 'integer', value: 1 }],
    ['not-writable', 'vrrpInstanceNotifyDeleted.1', { type: 'integer', value: 1 }],
    ['not-writable', 'realServerStatus.1.1', { type: 'integer', value: 2 }],
    ['not-writable', 'version.0', { type: 'octets', value: new Uint8Array() }],
  ])('refuses with %s a set of %s', (error, name, value) => {
    expect(viewOf(rows()).check(named(name), value)).toEqual({ ok: false, error });
  });

  it('refuses a set of what is not in the MIB with not-writable', () => {
    expect(viewOf(rows()).check(oid('1.3.6.1.4.1.9586.100.5.2.99.1'), { type: 'integer', value: 1 })).toEqual({
      ok: false,
      error: 'not-writable',
    });
  });

  it('names the rows of a set, not their indexes', () => {
    const view = viewOf(rows());
    const change = (name: string, value: number) => view.check(named(name), { type: 'integer', value });
    expect(change('vrrpInstanceBasePriority.2', 255)).toEqual({
      ok: true,
      change: { kind: 'base-priority', instance: 'VI_2', value: 255 },
    });
    expect(change('vrrpInstancePreempt.1', 2)).toEqual({
      ok: true,
      change: { kind: 'preempt', instance: 'VI_1', value: false },
    });
    expect(change('realServerWeight.2.2', 0)).toEqual({
      ok: true,
      change: { kind: 'weight', virtualServer: 'two', realServer: 'c', value: 0 },
    });
  });

  it('gives an absent address no interface index of 0', () => {
    const view = viewOf({ ...rows(), staticAddresses: [addressRow('192.0.2.1', { ifIndex: 0 })] });
    expect(view.get(named('vrrpAddressIfIndex.0.1'))).toEqual({ type: 'no-such-instance' });
  });
});

describe('answerGetBulk', () => {
  const bulk = (names: readonly string[], nonRepeaters: number, maxRepetitions: number, end: Oid = []) =>
    answerGetBulk(
      viewOf(rows()),
      names.map((name) => ({ start: named(name), include: false, end })),
      nonRepeaters,
      maxRepetitions,
    ).map(({ name, value }) => `${oidText(name).slice(ROOT.length + 1)} ${shown(value)}`);

  it('gives non-repeaters once and repeaters row by row', () => {
    expect(bulk(['version', 'vrrpInstanceName', 'vrrpInstanceVirtualRouterId'], 1, 2)).toEqual([
      '1.1.0 octets 4b656570666c6565742076302e312e30',
      '2.3.1.2.1 octets 56495f31',
      '2.3.1.3.1 gauge32 1',
      '2.3.1.2.2 octets 56495f32',
      '2.3.1.3.2 gauge32 1',
    ]);
  });

  it('ends each repeater at the end of its range, and all when all have ended', () => {
    expect(bulk(['vrrpInstanceName'], 0, 10, named('vrrpInstanceVirtualRouterId'))).toEqual([
      '2.3.1.2.1 octets 56495f31',
      '2.3.1.2.2 octets 56495f32',
      '2.3.1.2.2 end-of-mib-view',
    ]);
  });

  it('is bounded, however many repetitions are asked for', () => {
    const real = Array.from({ length: 3000 }, (_, i) => realServerRow(String(i)));
    const view = viewOf({ ...rows(), virtualServers: [virtualServerRow('x', { realServers: real })] });
    const start = named('realServerWeight');
    expect(answerGetBulk(view, [{ start, include: false, end: [] }], 0, 65535)).toHaveLength(MAX_BULK_VARIABLES);
    expect(answerGetBulk(view, [], 0, 65535)).toEqual([]);
  });

  it('answers each of many repeaters once, however many', () => {
    const view = new MibView(keepalivedMib);
    view.update(rows());
    const ranges = Array.from({ length: 3 * MAX_BULK_VARIABLES }, () => ({
      start: oid(ROOT),
      include: false,
      end: [],
    }));
    expect(answerGetBulk(view, ranges, 0, 10)).toHaveLength(ranges.length);
  });
});
