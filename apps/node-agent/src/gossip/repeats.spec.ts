import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { describeProblem } from './problem-text.ts';
import { Repeats, problemKey } from './repeats.ts';

describe('problems that repeat themselves', () => {
  it('are told once a minute', () => {
    const repeats = new Repeats();
    expect([0, 1, 59_999, 60_000, 60_001].map((now) => repeats.isNews('a', now))).toEqual([
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  it('are no longer told apart when they come by the hundred', () => {
    const repeats = new Repeats();
    const told = Array.from({ length: 1000 }, (_, i) => repeats.isNews(`${i}`, 0)).filter((news) => news);
    expect(told.length).toBe(256);
    expect(repeats.isNews('later', 60_000)).toBe(true);
  });

  it('from one host and of one kind are one', () => {
    const from = (host: number) => ({ address: ip(`10.0.0.${host}`), port: 1000 + host });
    const dropped = (host: number, detail: string) =>
      problemKey({ kind: 'dropped', from: from(host), error: { kind: 'malformed', detail } });
    expect(dropped(1, 'x')).toBe(dropped(1, 'y'));
    expect(dropped(1, 'x')).not.toBe(dropped(2, 'x'));
  });
});

describe('the words for a problem', () => {
  it('name what happened, where, and what to do', () => {
    const at = { address: ip('2001:db8::1'), port: 7946 };
    expect(describeProblem({ kind: 'udp-blocked', name: 'lb2', at })).toBe(
      'gossip: lb2 at [2001:db8::1]:7946 answers by TCP but not by UDP; let UDP 7946 through in both directions',
    );
    expect(
      describeProblem({ kind: 'dropped', from: at, error: { kind: 'encryption', detail: 'no key of ours' } }),
    ).toBe(
      'gossip: dropped what [2001:db8::1]:7946 sent: encryption, no key of ours; compare the keyring of both hosts',
    );
  });
});
