import { fleet, model } from '@keepfleet/rpc';
import { describe, expect, it } from 'vitest';
import { hello, nodeState, realServer, router, SERVICE, service, statistics } from '../trial/samples.ts';
import {
  deltaRecord,
  disconnectedRecord,
  freshness,
  fullStateRecord,
  heardRecord,
  heartbeatRecord,
  helloRecord,
  ageMs,
  observedAt,
  shiftedRecord,
  statisticsRecord,
} from './node-record.ts';

const { CURRENT, STALE, UNKNOWN } = fleet.Freshness;
const at = (ms: number) => new Date(1_800_000_000_000 + ms);
const stream = (id: number, ms: number) => ({ id, heartbeatMs: 1000, remoteAddress: '192.0.2.1:1', at: at(ms) });
const fresh = (skewMs = 0) => helloRecord(undefined, hello('L1', { now: at(skewMs) }), stream(1, 0));
const full = { routers: [router('L1')], services: [service([realServer(10)])] };
const known = (skewMs = 0) => fullStateRecord(fresh(skewMs), { observedAt: at(skewMs), state: nodeState(full) }, at(0));

describe('a node record', () => {
  it('is unknown before the first full state, current while it is heard, stale after three heartbeats of silence', () => {
    expect(freshness(fresh(), at(0))).toBe(UNKNOWN);
    expect(freshness(known(), at(3000))).toBe(CURRENT);
    expect(freshness(known(), at(3001))).toBe(STALE);
    expect(freshness(heardRecord(known(), at(2000)), at(5000))).toBe(CURRENT);
  });

  it('is stale as soon as the stream ends, and stays so on a new stream until its full state', () => {
    const lost = disconnectedRecord(known());
    expect(freshness(lost, at(1))).toBe(STALE);
    const back = helloRecord(lost, hello('L1'), stream(2, 100));
    expect(freshness(back, at(101))).toBe(STALE);
    const again = fullStateRecord(back, { observedAt: at(100), state: nodeState() }, at(100));
    expect(freshness(again, at(101))).toBe(CURRENT);
  });

  it('applies a delta: what is named is replaced or gone, all else stays', () => {
    const delta = {
      observedAt: at(500),
      routers: [router('L1', { state: model.RouterState.MASTER }), router('L1', { instance: 'VI_2' })],
      removedRouters: [],
      services: [],
      removedServices: [SERVICE],
      rest: nodeState({ drained: true, routers: [router('L9')] }),
    };
    const state = deltaRecord(known(), delta, at(500)).state;
    expect([...(state?.routers ?? [])].map(([key, { state }]) => [key, state])).toEqual([
      ['VI_1', model.RouterState.MASTER],
      ['VI_2', model.RouterState.BACKUP],
    ]);
    expect(state?.services.size).toBe(0);
    expect(state?.rest).toMatchObject({ drained: true, routers: [] });
    expect(deltaRecord(fresh(), delta, at(500)).state).toBeUndefined();
  });

  it('merges statistics into what is there and notes when they were counted', () => {
    const counted = service([realServer(10, { activeConnections: 7 }), realServer(99)]);
    const sample = statistics([counted, { ...counted, key: 'tcp/192.0.2.9:1' }], at(700));
    const state = statisticsRecord(known(), sample, at(700)).state;
    expect(state?.services.get(SERVICE)?.realServers.map((server) => server.activeConnections)).toEqual([7]);
    expect(state?.countedAt.get(SERVICE)).toEqual(at(700));
    expect([...(state?.services.keys() ?? [])]).toEqual([SERVICE]);
  });

  it('brings the agent’s times to the controller’s clock, and never after the time they were received', () => {
    const hour = 3_600_000;
    expect(observedAt(known(hour))).toEqual(at(0));
    const delta = { observedAt: at(hour + 400), routers: [], removedRouters: [], services: [], removedServices: [] };
    expect(observedAt(deltaRecord(known(hour), delta, at(900)))).toEqual(at(400));
    expect(observedAt(deltaRecord(known(0), delta, at(900)))).toEqual(at(900));
    const stepped = heartbeatRecord(known(hour), { now: at(1000) }, at(1000));
    expect(stepped).toMatchObject({ skewMs: 0, state: { confirmedAt: at(1000) } });
  });

  it('keeps its age when the clock is set, forwards or back', () => {
    const hour = 3_600_000;
    for (const step of [hour, -hour]) {
      const shifted = shiftedRecord(known(), step);
      expect(ageMs(shifted, at(step + 2000))).toBe(2000n);
      expect(freshness(shifted, at(step + 3000))).toBe(CURRENT);
      expect(freshness(shifted, at(step + 3001))).toBe(STALE);
    }
  });
});
