import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { type MemberReport, decodeReport, encodeReport } from './check-up-report.ts';
import { type Answered, diagnose } from './diagnosis.ts';
import type { GossipMember } from './messages.ts';

const NOW = 1_800_000_000_000;

function member(name: string, more: Partial<GossipMember> = {}): GossipMember {
  return {
    name,
    address: ip('192.0.2.1'),
    port: 7946,
    tags: { role: 'agent' },
    status: 'alive',
    incarnation: 1,
    since: NOW - 90_000,
    source: { how: 'gossip', by: 'L9' },
    suspectedBy: [],
    self: false,
    ...more,
  };
}

const well: MemberReport = {
  version: '1',
  at: NOW,
  health: 0,
  queued: 0,
  alive: 3,
  digest: 7,
  noUdp: [],
  noLarge: [],
  noTcp: [],
  unheard: [],
  untested: 0,
  omitted: 0,
  suspects: [],
  undecryptable: 0,
  acceptsPlain: false,
};

const trio = [member('L1'), member('L2'), member('L3')];

function answers(changes: Readonly<Record<string, Partial<MemberReport> | undefined>>): Map<string, Answered> {
  return new Map(
    Object.entries({ L1: {}, L2: {}, L3: {}, ...changes }).flatMap(([name, change]) =>
      change === undefined ? [] : [[name, { report: { ...well, ...change }, receivedAt: NOW }] as const],
    ),
  );
}

const said = (members: readonly GossipMember[], changes: Parameters<typeof answers>[0]) =>
  diagnose(members, answers(changes), NOW).findings.map(({ subject, message }) => `${subject}: ${message}`);

describe('a diagnosis', () => {
  it('of a healthy fleet finds nothing, and every way open', () => {
    const { findings, ways } = diagnose(trio, answers({}), NOW);
    expect(findings).toEqual([]);
    expect(ways.length).toBe(6);
    expect(ways.every(({ udp, tcp, large }) => udp === true && tcp === true && large === true)).toBe(true);
  });

  it('tells which direction is closed from who heard whom', () => {
    // L1's pings do not arrive; L2's do, and L1's answers do not.
    const { findings, ways } = diagnose(
      trio,
      answers({ L1: { noUdp: ['L2'] }, L2: { noUdp: ['L1'], unheard: ['L1'] } }),
      NOW,
    );
    const way = (from: string, to: string) => ways.find((one) => one.from === from && one.to === to)?.udp;
    expect([way('L1', 'L2'), way('L2', 'L1'), way('L1', 'L3')]).toEqual([false, true, true]);
    expect(findings.map(({ subject }) => subject)).toEqual(['L1 → L2']);
    expect(findings[0]?.message).toContain('nothing that L1 sends by UDP reaches L2: let UDP 7946 of L1 in at L2');
  });

  it.each<[string, Parameters<typeof answers>[0], RegExp]>([
    ['TCP that is closed', { L3: { noTcp: ['L1'] } }, /L3 cannot open TCP to port 7946 of L1/],
    ['large datagrams that get lost', { L1: { noLarge: ['L3'] } }, /carries less than its MTU says/],
    ['a clock that is ahead', { L2: { at: NOW + 5_000 } }, /the clock of L2 is 5\.0 s ahead/],
    ['a member that doubts itself', { L2: { health: 3 } }, /L2 doubts itself \(health score 3/],
    ['news that piles up', { L1: { queued: 900 } }, /L1 has 900 messages waiting/],
    ['another keyring', { L1: { undecryptable: 4 } }, /no key of its keyring opens/],
    ['a suspect', { L1: { suspects: [{ name: 'L3', by: ['L1'] }] } }, /L1 sees L3 suspected by L1/],
    ['silence', { L2: undefined }, /L2 is alive but did not answer/],
    ['versions', { L2: { version: '2' } }, /versions differ: 1 on L1, L3; 2 on L2/],
    [
      'views that differ',
      { L2: { digest: 8, alive: 2 } },
      /do not agree on who is alive: L1, L3 see 3 alive; L2 sees 2 alive/,
    ],
    ['plain that is taken', { L3: { acceptsPlain: true } }, /L3 accepts plain gossip/],
  ])('names %s', (_what, changes, sentence) => {
    const found = said(trio, changes);
    expect(found.length).toBe(1);
    expect(found[0]).toMatch(sentence);
  });

  it('says who failed, by whose word, and what to do', () => {
    const [found] = said([...trio, member('L4', { status: 'failed' })], {});
    expect(found).toMatch(/L4 at 192\.0\.2\.1 failed 90 s ago, said L9: .*keepfleet members forget L4/);
  });

  it('takes a serf for what it is', () => {
    const [found] = said([...trio, member('ref', { tags: { role: 'ref' } })], {});
    expect(found).toContain('ref is no Keepfleet agent');
  });
});

describe('a report', () => {
  it('is read as it was written', () => {
    const report = { ...well, noTcp: ['L2'], suspects: [{ name: 'L3', by: ['L1', 'L2'] }] };
    expect(decodeReport(encodeReport(report))).toEqual(report);
  });

  it('fits into an answer however much is wrong, and says how much was left out', () => {
    const names = Array.from({ length: 64 }, (_, i) => `node-with-a-rather-long-name-${i}.example.net`);
    const bytes = encodeReport({ ...well, noUdp: names, noTcp: names, unheard: names });
    expect(bytes.length).toBeLessThanOrEqual(800);
    const report = decodeReport(bytes);
    expect(
      (report?.omitted ?? 0) +
        (report?.noUdp.length ?? 0) +
        (report?.noTcp.length ?? 0) +
        (report?.unheard.length ?? 0),
    ).toBe(192);
  });

  it.each(['', '{', '[]', '{"v":1}', '\u0000'])('of %j is none', (text) => {
    expect(decodeReport(Buffer.from(text))).toBeUndefined();
  });
});
