import { type Duration, millis, seconds } from '@keepfleet/machine';
import { describe, expect, it } from 'vitest';
import { type HoldUpCounters, HoldUps, holdUpCause } from './hold-up.ts';

const none: HoldUpCounters = { suspended: 5, stolen: [5, 5], waited: 5, ran: 5 };
const S = 1_000_000;

describe('what held a process up for a second', () => {
  it.each([
    ['suspend', { suspended: S }],
    ['steal', { stolen: 0.6 * S, ran: S }],
    ['processor', { waited: 0.6 * S, ran: 0.4 * S }],
    ['work', { ran: 0.9 * S, waited: 0.1 * S }],
    ['stopped', { ran: 0.1 * S, waited: 0.1 * S }],
    ['stopped', {}],
  ] as const)('was %s when the counters grew by %o', (cause, grown) => {
    expect(holdUpCause({ suspended: 0, stolen: 0, waited: 0, ran: 0, ...grown }, seconds(1))).toBe(cause);
  });

  /** The counters as a backup looks at them: whenever it arms its timer, which is with each advert. */
  class Looks {
    counters = none;
    now = 0;
    readonly holdUps = new HoldUps(0, () => this.counters);

    pass(time: number, grown: Partial<HoldUpCounters>): this {
      this.now += time;
      this.counters = {
        suspended: this.counters.suspended + (grown.suspended ?? 0),
        stolen: this.counters.stolen.map((one, i) => one + (grown.stolen?.[i] ?? 0)),
        waited: this.counters.waited + (grown.waited ?? 0),
        ran: this.counters.ran + (grown.ran ?? 0),
      };
      return this;
    }

    look(): this {
      this.holdUps.look(this.now);
      return this;
    }

    cause(lateness: Duration) {
      return this.holdUps.causeOf(lateness, this.now);
    }
  }

  it('is not what happened before its timer was armed, though none was ever served', () => {
    const looks = new Looks().pass(3600 * S, { stolen: [60 * S, 0], waited: 60 * S, ran: 9 * S }).look();
    expect(looks.pass(2 * S, {}).cause(seconds(1))).toBe('stopped');
  });

  it('is not what always goes on while it waits', () => {
    const usual = { stolen: [0.1 * S, 0.1 * S], waited: 0.1 * S, ran: 0.1 * S };
    const looks = new Looks().pass(S, usual).look().pass(S, usual).look();
    for (let i = 0; i < 3; i++) looks.pass(S, usual);
    expect(looks.pass(0.2 * S, { ran: 0.15 * S }).cause(millis(200))).toBe('work');
  });

  it('is steal of one processor, not of all together', () => {
    const looks = () => new Looks().pass(S, {}).look();
    expect(
      looks()
        .pass(S, { stolen: [0.3 * S, 0.3 * S] })
        .cause(seconds(1)),
    ).toBe('stopped');
    expect(
      looks()
        .pass(S, { stolen: [0, 0.6 * S] })
        .cause(seconds(1)),
    ).toBe('steal');
  });

  it('is read from the kernel: work is seen as work', () => {
    const holdUps = new HoldUps(0);
    const began = process.cpuUsage();
    for (let spent = 0; spent < 60_000;) spent = process.cpuUsage(began).user;
    expect(holdUps.causeOf(millis(2), millis(2))).not.toBe('stopped');
  });
});
