import { instant, seconds } from '@keepfleet/machine';
import { hex, unhex } from '@keepfleet/wire';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SwimOutput } from './messages.ts';
import { OneMember, alive, endpoint, problems, sent, settings } from './one-member.fixture.ts';
import { type PacketMessage, encodePacket } from './packet.ts';

let at: OneMember;

beforeEach(() => {
  at = new OneMember();
  at.receive(alive('a', 2));
  at.receive(alive('b', 3));
});

describe('a probe', () => {
  /** Serves deadlines until something of the type is sent. */
  function passUntilSent<T extends PacketMessage['type']>(type: T) {
    const outputs: SwimOutput[] = [];
    for (
      let next = at.machine.nextDeadline();
      next !== undefined && next < seconds(20);
      next = at.machine.nextDeadline()
    ) {
      outputs.push(...at.passUntil(next));
      const [first] = sent(outputs, type);
      if (first !== undefined) return { to: first.to, message: first.message as PacketMessage & { type: T }, outputs };
    }
    throw new Error(`no ${type} was sent`);
  }

  it('unanswered asks others and TCP, then suspects; the nacks that come keep our own health', () => {
    const ping = passUntilSent('ping');
    const asked = passUntilSent('indirect-ping');
    expect(asked.message).toMatchObject({ nack: true, node: ping.message.node, seq: ping.message.seq });
    expect(asked.outputs.some((output) => output.kind === 'open-stream')).toBe(true);
    at.receive({ type: 'nack', seq: asked.message.seq });
    const next = passUntilSent('ping');
    expect(at.machine.snapshot().health).toBe(0);
    expect(at.status(ping.message.node)).toBe('suspect');
    expect(at.machine.snapshot().stats).toMatchObject({ probes: 2, probesFailed: 1 });
    expect(next.message.node).not.toBe(ping.message.node);
  });

  it('unanswered, and no nack either, makes us doubt ourselves and wait longer', () => {
    passUntilSent('ping');
    passUntilSent('ping');
    expect(at.machine.snapshot().health).toBe(1);
    const begun = at.now;
    passUntilSent('ping');
    expect(at.now - begun).toBe(seconds(2));
  });

  it('answered late or through another is answered', () => {
    const { message } = passUntilSent('indirect-ping');
    at.receive({ type: 'ack', seq: message.seq, payload: new Uint8Array() }, endpoint(3));
    passUntilSent('ping');
    expect(at.machine.snapshot().stats).toMatchObject({ probesIndirect: 1, probesFailed: 0 });
    expect(at.status(message.node)).toBe('alive');
  });

  it('answered by TCP alone keeps the member, and the blocked path is said', () => {
    const { message, outputs } = passUntilSent('indirect-ping');
    const stream = outputs.find((output) => output.kind === 'open-stream');
    if (stream?.kind !== 'open-stream') throw new Error('no TCP');
    const ack = hex(encodePacket({ type: 'ack', seq: message.seq, payload: new Uint8Array() }));
    at.machine.handle({ kind: 'stream-data', stream: stream.stream, data: ack }, at.now);
    expect(problems(passUntilSent('ping').outputs)).toEqual(['udp-blocked']);
    expect([at.status('a'), at.status('b')]).toEqual(['alive', 'alive']);
  });

  it('whose host refuses TCP waits half as long for others, and is no doubt of ourselves', () => {
    const { message, outputs } = passUntilSent('indirect-ping');
    const stream = outputs.find((output) => output.kind === 'open-stream')?.stream ?? '';
    const refusedAt = at.now;
    const closed = { kind: 'stream-closed', stream, reason: 'refused', refused: true } as const;
    at.machine.handle(closed, at.now);
    const suspected = (outputs: readonly SwimOutput[]) =>
      outputs.some((output) => output.kind === 'member' && output.change === 'suspected');
    while (!suspected(at.passUntil(at.machine.nextDeadline() ?? at.now)));
    expect(at.now - refusedAt).toBe(settings.probeTimeout / 2);
    expect([at.status(message.node), at.machine.snapshot().health]).toEqual(['suspect', 0]);
  });

  it('of one that answers in a millisecond asks others sooner than of one that was never heard', () => {
    at.receive({ type: 'dead', node: 'b', from: 'b', incarnation: 5 });
    const first = passUntilSent('ping');
    at.now = instant(at.now + 1_000);
    at.receive({ type: 'ack', seq: first.message.seq, payload: new Uint8Array() }, endpoint(2));
    passUntilSent('ping');
    const pingedAt = at.now;
    at.passUntil(instant(at.now + settings.probeTimeout / 4));
    expect(at.machine.snapshot().stats.streamsOut).toBe(1);
    expect(at.now - pingedAt).toBeLessThan(settings.probeTimeout);
  });

  it('that cannot be sent asks others at once', () => {
    const { to } = passUntilSent('ping');
    expect(sent(at.machine.handle({ kind: 'datagram-failed', to }, at.now), 'indirect-ping').length).toBe(1);
  });

  it('for another is carried out and its ack passed on under his number', () => {
    const target = Uint8Array.of(10, 0, 0, 2);
    const asked = at.receive(
      { type: 'indirect-ping', seq: 77, node: 'a', target, port: 7946, nack: true },
      endpoint(3),
    );
    const [ping] = sent(asked, 'ping');
    if (ping?.message.type !== 'ping') throw new Error('no ping');
    expect(ping.to).toEqual(endpoint(2));
    const acks = sent(at.receive({ type: 'ack', seq: ping.message.seq, payload: unhex('01') }, endpoint(2)), 'ack');
    expect(acks).toEqual([{ to: endpoint(3), message: { type: 'ack', seq: 77, payload: new Uint8Array() } }]);
  });
});

describe('rounds of probes', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];

  /** Whom the direct pings of `rounds` rounds go to, when all of them are answered. */
  function probed(rounds: number): string[] {
    const at = new OneMember({ compress: false });
    for (const [i, name] of names.entries()) at.receive(alive(name, i + 2));
    const order: string[] = [];
    for (let second = 1; order.length < rounds * names.length; second++)
      for (const { to, message } of sent(at.passUntil(instant(seconds(second))), 'ping')) {
        if (message.type !== 'ping') continue;
        order.push(message.node);
        at.receive({ type: 'ack', seq: message.seq, payload: new Uint8Array() }, to);
      }
    return order;
  }

  it('reach every member once in each, in an order that is another every time', () => {
    const order = probed(9);
    // Members came one after the other in the first.
    const rounds = Array.from({ length: 8 }, (_, i) => order.slice(6 * (i + 1), 6 * (i + 2)));
    for (const round of rounds) expect(round.toSorted()).toEqual(names);
    expect(new Set(rounds.map((round) => round.join())).size).toBeGreaterThan(4);
  });
});

describe('one that is thought dead', () => {
  it('learns with the next ping that it is suspect, and by whom, so that it can refute at once', () => {
    const at = new OneMember({ compress: false });
    at.receive(alive('a', 2));
    at.receive({ type: 'suspect', node: 'a', from: 'b', incarnation: 5 });
    const outputs = at.passUntil(instant(seconds(2)));
    const accusations = sent(outputs, 'suspect').filter(({ to }) => to.address === '10.0.0.2');
    expect(accusations.length).toBeGreaterThan(0);
    expect(accusations[0]?.message).toMatchObject({ node: 'a', incarnation: 5 });
  });

  it('is told news for gossipToDead still, and then no more', () => {
    const at = new OneMember({ compress: false, seeds: [] });
    at.receive(alive('a', 2));
    at.receive(alive('b', 3));
    at.passUntil(instant(seconds(20)));
    at.receive({ type: 'dead', node: 'a', from: 'b', incarnation: 5 });
    const told = (from: number, to: number) => {
      const messages = [];
      for (let second = from; second < to; second += 0.2) {
        at.receive({ ...alive('b', 3), incarnation: 6 + Math.round(second * 10) });
        messages.push(...sent(at.passUntil(instant(seconds(second + 0.2))), 'alive'));
      }
      return messages.filter(({ to: { address } }) => address === '10.0.0.2').length;
    };
    expect(told(20, 45)).toBeGreaterThan(0);
    expect(told(52, 70)).toBe(0);
  });
});

describe('an exchange of all state that is due', () => {
  /** The number of exchanges begun; they fail at once, for the next not to wait for them. */
  function pushPulls(outputs: readonly SwimOutput[]): number {
    const opened = outputs.flatMap((output) => (output.kind === 'open-stream' ? [output.stream] : []));
    for (const stream of opened) at.machine.handle({ kind: 'stream-closed', stream, reason: 'closed' }, at.now);
    return opened.length;
  }

  /** Members that answer every ping for five minutes, with a digest or without. */
  function five(digest: (ours: number) => number | undefined): number {
    let count = 0;
    while (at.now < seconds(300)) {
      const outputs = at.passUntil(at.machine.nextDeadline() ?? at.now);
      count += pushPulls(outputs);
      for (const { to, message } of sent(outputs, 'ping')) {
        if (message.type !== 'ping' || message.digest === undefined) throw new Error('no digest');
        const theirs = digest(message.digest);
        const ack = { type: 'ack', seq: message.seq, payload: new Uint8Array() } as const;
        count += pushPulls(at.receive(theirs === undefined ? ack : { ...ack, digest: theirs }, to));
      }
    }
    return count;
  }

  beforeEach(() => (at = new OneMember({ compress: false })));
  beforeEach(() => {
    at.receive(alive('a', 2));
    at.receive(alive('b', 3));
  });

  it('is left out with a member that sees what we see, but not for ever', () => {
    expect(five((ours) => ours)).toBe(1);
    expect(at.machine.snapshot().stats.pushPullsSpared).toBeGreaterThan(5);
  });

  it('is made with one that does not tell, as serf', () => {
    const made = five(() => undefined);
    expect(made).toBeGreaterThan(8);
    expect(made).toBeLessThan(12);
  });

  it('is made with one that sees something else, and does not wait for its turn', () => {
    expect(five((ours) => (ours % 1000) + 1)).toBeGreaterThan(14);
    expect(at.machine.snapshot().stats.pushPullsSpared).toBe(0);
  });
});
