import { runInGuest } from '@keepfleet/test-lab';
import { beforeAll, describe, expect, it } from 'vitest';
import { compareWalks, valuesOf } from './snmp-compare.ts';
import { IPVS_DIFFERENCES } from './snmp-differences.ts';
import { KEEPALIVED_MIB, SNMPD_WAYS, WAYS } from './snmp-receiver.ts';

interface Seen {
  readonly who: string;
  readonly lines: readonly string[];
  /** By each way, when a server is lost, the quorum with it, and both come back. */
  readonly traps: Readonly<Record<string, readonly (readonly string[])[]>>;
}

let seen: readonly Seen[] = [];
let output = '';

beforeAll(async () => {
  ({ output } = await runInGuest('exec node test/interop/src/snmp-ipvs-guest.ts', {
    timeout: 580_000,
    megabytes: 768,
  }));
  seen = output.split('\n').flatMap((line) => (line.startsWith('{"who"') ? [JSON.parse(line) as Seen] : []));
}, 600_000);

const of = (who: string) => seen.find((one) => one.who === who);

describe('IPVS of the same configuration, as managers see it', () => {
  it("has keepalived's tables line by line, but for a table of differences with their reasons", () => {
    const expected = valuesOf(of('keepalived')?.lines ?? []);
    expect(expected.size, output).toBeGreaterThan(300);
    const ours = valuesOf(of('keepfleet')?.lines ?? []);
    expect(compareWalks(expected, ours, IPVS_DIFFERENCES)).toEqual({ unexplained: [], unused: [] });
  });

  it('tells of a server and a quorum that are lost and come back: once, in order, by every way', () => {
    const { keepalived, ours } = { keepalived: of('keepalived')?.traps, ours: of('keepfleet')?.traps };
    const target = ['3.3.1.2.1 = 2', '3.3.1.5.1 = 1', '3.3.1.6.1 = C6 33 64 0F', '3.3.1.7.1 = 80', '3.3.1.8.1 = 1'];
    const server = (state: number, up: number) => [
      `1.3.6.1.6.3.1.1.4.1.0 = .${KEEPALIVED_MIB}.3.5.0.1`,
      ...['3.4.1.3.1.3 = 1', '3.4.1.4.1.3 = C0 A8 01 0B', '3.4.1.5.1.3 = 80', `3.4.1.6.1.3 = ${state}`],
      ...[...target, `3.3.1.21.1 = ${up}`, '3.3.1.20.1 = 3', '1.2.0 = "director"'],
    ];
    const quorum = (state: number, up: number) => [
      `1.3.6.1.6.3.1.1.4.1.0 = .${KEEPALIVED_MIB}.3.5.0.2`,
      ...[...target, `3.3.1.23.1 = ${state}`, '3.3.1.22.1 = 6'],
      ...[`3.3.1.21.1 = ${up}`, '3.3.1.20.1 = 3', '1.2.0 = "director"'],
    ];
    const expected = [server(2, 1), quorum(2, 1), server(1, 2), quorum(1, 2)];
    expect(ours, output).toEqual(Object.fromEntries(WAYS.map((way) => [way, expected])));
    // keepalived has no instance in its variables.
    const theirs = expected.map((variables) => variables.map((one) => one.replace(/^(3\.[34]\.1\.\d+)\S+/, '$1')));
    expect(keepalived).toEqual(Object.fromEntries(SNMPD_WAYS.map((way) => [way, theirs])));
  });
});
