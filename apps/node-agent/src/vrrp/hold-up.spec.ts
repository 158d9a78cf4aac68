import { seconds } from '@keepfleet/machine';
import { describe, expect, it } from 'vitest';
import { type HoldUpCounters, HoldUps, holdUpCause } from './hold-up.ts';

const none: HoldUpCounters = { suspended: 5, stolen: 5, waited: 5, ran: 5 };
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
    expect(holdUpCause(none, { ...none, ...grown }, seconds(1))).toBe(cause);
  });

  it('is judged from the last look, and each second is looked at anew', () => {
    let counters = none;
    const holdUps = new HoldUps(0, () => counters);
    counters = { ...none, ran: 10 * S };
    holdUps.inTime(2 * S);
    expect(holdUps.causeOf(seconds(1), 3 * S)).toBe('stopped');
    counters = { ...counters, ran: 11 * S };
    holdUps.inTime(3.5 * S);
    expect(holdUps.causeOf(seconds(1), 4.5 * S)).toBe('work');
  });

  it('is read from the kernel: work is seen as work', () => {
    const holdUps = new HoldUps(0);
    const began = process.cpuUsage();
    for (let spent = 0; spent < 60_000;) spent = process.cpuUsage(began).user;
    expect(holdUps.causeOf(2_000 as ReturnType<typeof seconds>, 0)).not.toBe('stopped');
  });
});
