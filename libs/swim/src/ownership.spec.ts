import { type Instant, instant, millis, seconds } from '@keepfleet/machine';
import { seededRandom } from '@keepfleet/testkit';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import {
  type OwnershipEntry,
  type OwnershipRole,
  decodeNotice,
  encodeNotice,
  noticeName,
  noticeParts,
  routerKeyText,
} from './ownership-notice.ts';
import { OwnershipTeller } from './ownership-teller.ts';
import { type OwnershipChange, OwnershipView } from './ownership-view.ts';

const entry = (vrid: number, role: OwnershipRole, more: Partial<OwnershipEntry> = {}): OwnershipEntry => ({
  vrid,
  family: 'ipv4',
  address: ip(`198.51.100.${vrid}`),
  role,
  hearsMaster: role === 'backup',
  priority: 100,
  since: 1_800_000_000_123,
  ...more,
});

/** A backup that misses its master. */
const quiet = (vrid: number) => entry(vrid, 'backup', { hearsMaster: false });

describe('an ownership notice', () => {
  it('is read as it was written', () => {
    const entries = [
      entry(1, 'master'),
      entry(255, 'fault', { family: 'ipv6', address: ip('2001:db8::15'), hearsMaster: true }),
      entry(7, 'backup', { address: undefined }),
    ];
    const notice = { node: 'lb/1', layout: 0xdeadbeef, part: 2, parts: 3, sequence: 1_800_000_000_999, entries };
    expect(decodeNotice(noticeName('lb/1', 2), encodeNotice(notice))).toEqual({ ok: true, value: notice });
  });

  it.each([
    ['of another version', 'kf-vrrp/a/0', '02'],
    ['under the name of another part', 'kf-vrrp/a/1', '01000000000001000000000001'],
    ['of nobody', 'kf-vrrp//0', '01000000000001000000000001'],
    ['cut off', 'kf-vrrp/a/0', '010000000000010000000000010101'],
    ['of VRID 0', 'kf-vrrp/a/0', '01000000000001000000000001000064000000000000c6336401'],
    ['of unknown bits', 'kf-vrrp/a/0', '01000000000001000000000001011264000000000000c6336401'],
    ['of a master that hears a master', 'kf-vrrp/a/0', '01000000000001000000000001010c64000000000000c6336401'],
  ])('%s is refused', (_what, name, payload) => {
    expect(decodeNotice(name, Buffer.from(payload, 'hex')).ok).toBe(false);
  });

  it('is cut so that each part fits into a user event', () => {
    const entries = Array.from({ length: 200 }, (_, i) =>
      entry((i % 255) + 1, 'backup', { family: 'ipv6', address: ip(`2001:db8::${i + 1}`) }),
    );
    const parts = noticeParts('n'.repeat(128), entries);
    expect(parts.flat().length).toBe(200);
    for (const [i, part] of parts.entries()) {
      const notice = { node: 'n'.repeat(128), layout: 1, part: i, parts: parts.length, sequence: 1, entries: part };
      expect(noticeName('n'.repeat(128), i).length + encodeNotice(notice).length).toBeLessThanOrEqual(512);
    }
  });
});

/** A teller whose events go straight into a view. */
class Told {
  now: Instant = instant(0);
  readonly view = new OwnershipView();
  readonly changes: OwnershipChange[] = [];
  readonly #tellers = new Map<string, OwnershipTeller>();

  node(name: string): this {
    this.#tellers.set(name, new OwnershipTeller(name, seededRandom(5)));
    this.view.member(name, 'alive', this.now);
    return this;
  }

  set(name: string, ...entries: readonly OwnershipEntry[]): this {
    this.#tellers.get(name)?.set(entries, this.now);
    return this.pass(0.05);
  }

  pass(time: number): this {
    const end = instant(this.now + seconds(time));
    while (this.now < end) {
      this.now = instant(Math.min(this.now + millis(10), end));
      for (const teller of this.#tellers.values())
        for (const { name, payload } of teller.timeout(this.now, 1_800_000_000_000 + this.now / 1000)) {
          const notice = decodeNotice(name, payload);
          if (!notice.ok) throw new Error(notice.error.detail);
          this.view.heard(notice.value, this.now);
        }
      this.changes.push(...this.view.timeout(this.now));
    }
    return this;
  }

  get verdicts(): string[] {
    return this.changes.map(({ router }) => `${routerKeyText(router)} ${router.verdict}`);
  }
}

const pair = () => new Told().node('L1').node('L2').set('L1', entry(1, 'master')).set('L2', entry(1, 'backup')).pass(2);

describe('the owners that nodes tell of', () => {
  it('are one for a healthy pair', () => {
    expect(pair().verdicts).toEqual(['1/ipv4/198.51.100.1 one-master']);
  });

  it('are two within two seconds of a cut, and one again after it', () => {
    const told = pair();
    const cutAt = told.now;
    told.set('L2', entry(1, 'master'));
    while (told.changes.length < 2) told.pass(0.05);
    expect(told.now - cutAt).toBeLessThan(seconds(2));
    expect(told.verdicts.at(-1)).toBe('1/ipv4/198.51.100.1 multi-master');
    const [router] = told.view.routers(told.now);
    expect(router?.claims.map(({ node, role }) => `${node} ${role}`)).toEqual(['L1 master', 'L2 master']);
    told.set('L1', entry(1, 'backup')).pass(1.5);
    expect(told.verdicts.at(-1)).toBe('1/ipv4/198.51.100.1 one-master');
  });

  it('are none when nobody took over, and a hand-over is not called so', () => {
    const told = pair();
    told.set('L1', quiet(1)).set('L2', quiet(1)).pass(0.5).set('L2', entry(1, 'master')).pass(2);
    expect(told.verdicts.length).toBe(1);
    told.set('L2', entry(1, 'fault')).pass(1.5);
    expect(told.verdicts.at(-1)).toBe('1/ipv4/198.51.100.1 no-master');
  });

  it('do not count the word of a node that failed, and count it again when it is back', () => {
    const told = pair();
    told.set('L2', quiet(1));
    told.view.member('L1', 'failed', told.now);
    told.pass(1.5);
    expect(told.verdicts.at(-1)).toContain('no-master');
    told.view.member('L1', 'alive', told.now);
    told.pass(1.5);
    expect(told.verdicts.at(-1)).toContain('one-master');
    told.view.member('L1', 'left', told.now);
    told.pass(1.5);
    expect(told.view.routers(told.now)[0]?.claims.map(({ node }) => node)).toEqual(['L2']);
  });

  it('are judged by when a member changed, not by when it spoke last', () => {
    const told = pair().pass(5);
    told.set('L2', quiet(1));
    told.view.member('L1', 'failed', told.now);
    expect(told.view.routers(told.now)).toMatchObject([{ verdict: 'no-master', since: told.now, settled: false }]);
    told.pass(0.3).view.member('L1', 'alive', told.now);
    told.pass(2);
    expect(told.verdicts).toEqual(['1/ipv4/198.51.100.1 one-master']);
  });

  it('are not two while one that was away has not said that it is no master any more', () => {
    const told = pair();
    told.view.member('L1', 'failed', told.now);
    told.set('L2', entry(1, 'master')).pass(60);
    const before = told.verdicts.length;
    told.view.member('L1', 'alive', told.now);
    told.pass(1.9).set('L1', entry(1, 'backup')).pass(3);
    expect(told.verdicts.length).toBe(before);
  });

  it('are two within the usual time once one that was away says that it is master still', () => {
    const told = pair();
    told.view.member('L1', 'failed', told.now);
    told.set('L2', entry(1, 'master')).pass(60);
    told.view.member('L1', 'alive', told.now);
    told
      .pass(0.5)
      .set('L1', entry(1, 'master', { priority: 101 }))
      .pass(0.4);
    expect(told.verdicts.at(-1)).toContain('one-master');
    told.pass(0.2);
    expect(told.verdicts.at(-1)).toContain('multi-master');
  });

  it('are none within two seconds of the death of the node, and never two while the next one takes over', () => {
    const told = pair();
    const diedAt = told.now;
    // What the driver tells: the backup misses an advert, and the watch finds the silence.
    told.pass(1.25).set('L2', quiet(1));
    told.view.member('L1', 'suspect', told.now);
    while (told.changes.length < 2) told.pass(0.05);
    expect(told.now - diedAt).toBeLessThan(seconds(2));
    expect(told.verdicts.at(-1)).toContain('no-master');
    told.pass(1.6).set('L2', entry(1, 'master')).pass(1.5);
    told.view.member('L1', 'failed', told.now);
    told.pass(5);
    expect(told.verdicts.slice(2)).toEqual(['1/ipv4/198.51.100.1 one-master']);
  });

  it('of long ago leave a hand-over its whole second, though their word is still that they are masters', () => {
    const told = pair().node('L3').set('L3', entry(1, 'backup')).pass(1);
    told.set('L2', quiet(1)).set('L3', quiet(1));
    told.view.member('L1', 'failed', told.now);
    told.set('L2', entry(1, 'master')).set('L3', entry(1, 'backup')).pass(60);
    const before = told.verdicts.length;
    told.set('L3', quiet(1)).set('L2', quiet(1)).pass(0.6);
    expect(told.view.routers(told.now)).toMatchObject([{ verdict: 'no-master', lastMasters: ['L2'] }]);
    told.set('L3', entry(1, 'master')).pass(2);
    expect(told.verdicts.length).toBe(before);
  });

  it('who is the last of them is known by their times to one that saw none', () => {
    const last = (since: number) => {
      const told = new Told().node('L1').node('L2');
      told.view.member('L1', 'failed', told.now);
      told.set('L1', entry(1, 'master', { since: 1000 })).set('L2', { ...quiet(1), since });
      return told.view.routers(told.now)[0]?.lastMasters;
    };
    expect([last(999), last(1001)]).toEqual([['L1'], []]);
  });

  it('are one while a backup hears it, though it does not gossip or gossip takes it for dead', () => {
    const told = pair();
    told.view.member('L1', 'failed', told.now);
    told.pass(5);
    expect(told.verdicts).toEqual(['1/ipv4/198.51.100.1 one-master']);
    const foreign = new Told().node('L2').set('L2', entry(1, 'backup')).pass(2);
    expect(foreign.verdicts).toEqual(['1/ipv4/198.51.100.1 one-master']);
    foreign.set('L2', quiet(1)).pass(2);
    expect(foreign.verdicts.at(-1)).toContain('no-master');
  });

  it('are watched by the first three others that carry the router, and by nobody else', () => {
    const names = ['L1', 'L2', 'L3', 'L4', 'L5', 'L6'];
    const told = new Told();
    for (const name of names) told.node(name).set(name, entry(1, name === 'L2' ? 'master' : 'backup'));
    told.node('L7').set('L7', entry(2, 'backup')).pass(1);
    expect([...names, 'L7'].filter((name) => told.view.mastersToWatch(name).includes('L2'))).toEqual([
      'L1',
      'L3',
      'L4',
    ]);
    told.view.member('L1', 'failed', told.now);
    expect(told.view.mastersToWatch('L5')).toEqual(['L2']);
  });

  it('forget routers that a node no longer has, and keep segments of one VRID apart', () => {
    const told = pair();
    told.set('L1', entry(1, 'master'), entry(1, 'master', { address: ip('203.0.113.1') })).pass(1.5);
    expect(told.view.routers(told.now).map(routerKeyText)).toEqual(['1/ipv4/198.51.100.1', '1/ipv4/203.0.113.1']);
    told.set('L1', entry(1, 'master')).pass(1.5);
    expect(told.view.routers(told.now).map(routerKeyText)).toEqual(['1/ipv4/198.51.100.1']);
    told.set('L1').set('L2').pass(1.5);
    expect(told.view.routers(told.now)).toEqual([]);
  });

  it('stand as long as they did when a node has other routers, and what was told of them is taken back', () => {
    const told = new Told().node('L1').set('L1', quiet(1)).pass(2);
    expect(told.verdicts).toEqual(['1/ipv4/198.51.100.1 no-master']);
    told.set('L1', entry(1, 'master'), entry(2, 'master')).pass(2);
    expect(told.changes.slice(1).map(({ router, before }) => [router.vrid, router.verdict, before])).toEqual([
      [1, 'one-master', 'no-master'],
      [2, 'one-master', undefined],
    ]);
    const since = told.view.routers(told.now)[0]?.since;
    told.set('L1', entry(1, 'master')).set('L1', entry(1, 'master'), entry(3, 'master')).pass(0.3);
    expect(told.view.routers(told.now)[0]).toMatchObject({ vrid: 1, since, settled: true });
    expect(told.changes.length).toBe(3);
  });

  it('take back what was told of them, though nobody spoke of them for a while', () => {
    const told = new Told().node('L1').set('L1', quiet(1)).pass(2);
    told.set('L1').pass(2);
    expect(told.view.routers(told.now)).toEqual([]);
    told.set('L1', quiet(1)).pass(2);
    expect(told.verdicts).toEqual(['1/ipv4/198.51.100.1 no-master']);
    told.set('L1').pass(2).set('L1', entry(1, 'master')).pass(2);
    expect(told.changes.slice(1).map(({ router, before }) => [router.verdict, before])).toEqual([
      ['one-master', 'no-master'],
    ]);
    told.set('L1').pass(2).set('L1', entry(1, 'master')).pass(2);
    expect(told.changes.slice(2).map(({ before }) => before)).toEqual([undefined]);
  });

  it('stay until all that a node has now is heard, when that takes several notices', () => {
    const view = new OwnershipView();
    const say = (layout: number, part: number, sequence: number, ...entries: readonly OwnershipEntry[]) =>
      view.heard({ node: 'L1', layout, part, parts: 2, sequence, entries }, instant(seconds(sequence)));
    const shown = () => view.routers(instant(0)).map(({ vrid, since }) => [vrid, since / seconds(1)]);
    say(1, 0, 1, entry(1, 'master'), entry(2, 'master'));
    say(1, 1, 1, entry(3, 'master'));
    say(2, 0, 5, entry(1, 'master'));
    expect(shown()).toEqual([1, 2, 3].map((vrid) => [vrid, 1]));
    say(2, 1, 5, entry(3, 'master'), entry(4, 'master'));
    expect(shown()).toEqual([
      [1, 1],
      [3, 1],
      [4, 5],
    ]);
    view.member('L1', 'left', instant(0));
    expect(view.routers(instant(0))).toEqual([]);
  });

  it('are those of before, all of them, when there is no room for what a node has now', () => {
    const view = new OwnershipView();
    const many = Array.from({ length: 16_384 }, (_, i) =>
      entry((i % 255) + 1, 'backup', { address: ip(`10.0.${i >> 8}.${i & 255}`) }),
    );
    const say = (node: string, layout: number, entries: readonly OwnershipEntry[]) =>
      view.heard({ node, layout, part: 0, parts: 1, sequence: layout, entries }, instant(layout));
    for (let i = 0; i < 15; i++) expect(say(`n${i}`, 1, many)).toBe(true);
    expect(say('L1', 1, [...many.slice(1), entry(1, 'master')])).toBe(true);
    expect(say('L1', 2, [...many, entry(1, 'backup')])).toBe(false);
    const own = view.routers(instant(2)).find(({ address }) => address === ip('198.51.100.1'));
    expect(own).toMatchObject({ verdict: 'one-master', claims: [{ node: 'L1', role: 'master' }] });
    expect(say('L1', 3, [entry(1, 'backup')])).toBe(true);
  });

  it('are told again from time to time, less often in a large fleet, and soon to who comes', () => {
    const count = (size: number, time: number, greet = false) => {
      const teller = new OwnershipTeller('n', seededRandom(9));
      teller.fleetSize(size);
      teller.set([entry(1, 'backup')], instant(0));
      let events = teller.timeout(instant(millis(50)), 1).length;
      if (greet) teller.greet(instant(millis(60)));
      for (let at = 100; at <= time * 1000; at += 100) events += teller.timeout(instant(millis(at)), at).length;
      return events;
    };
    expect(count(3, 60)).toBe(6);
    expect(count(320, 60)).toBe(1);
    expect(count(3, 2, true)).toBe(2);
  });

  it('of a restarted node replace those of its earlier life', () => {
    const told = pair();
    told.node('L1').set('L1', entry(1, 'backup')).pass(0.5);
    const [router] = told.view.routers(told.now);
    expect(router?.claims.map(({ node, role }) => `${node} ${role}`)).toContain('L1 backup');
  });

  it('are bounded, whatever is told', () => {
    const view = new OwnershipView();
    for (let i = 0; i < 17_000; i++)
      view.heard(
        { node: `n${i}`, layout: 1, part: 0, parts: 1, sequence: 1, entries: [entry(1, 'backup')] },
        instant(i),
      );
    expect(view.routers(instant(0))[0]?.claims.length).toBe(128);
  });
});
