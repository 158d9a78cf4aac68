import { describe, expect, it } from 'vitest';
import { type Machine, type Step, after, earliest, instant, millis, recording, replay, seconds } from './index.ts';

function counter(): Machine<number, string> {
  let sum = 0;
  let due: ReturnType<typeof instant> | undefined;
  return {
    handle(input, now) {
      sum += input;
      due = after(now, seconds(1));
      return [`sum ${sum}`];
    },
    timeout(now) {
      if (due === undefined || now < due) return [];
      due = undefined;
      return [`quiet at ${sum}`];
    },
    nextDeadline: () => due,
  };
}

describe('a recording', () => {
  it('replays to the same outputs, also through JSON', () => {
    const steps: Step<number, string>[] = [];
    const machine = recording(counter(), (step) => steps.push(step));
    machine.handle(1, instant(0));
    machine.handle(2, instant(10));
    machine.timeout(after(instant(10), seconds(1)));
    const read = steps.map((step) => JSON.parse(JSON.stringify(step)) as Step<number, string>);
    expect(replay(counter(), read)).toEqual([['sum 1'], ['sum 3'], ['quiet at 3']]);
  });
});

describe('time', () => {
  it('keeps microseconds exactly', () => {
    expect(after(instant(0.4), millis(2.5))).toBe(2500);
  });

  it('finds the earliest of the deadlines that are set', () => {
    expect(earliest(undefined, instant(5), instant(3), undefined)).toBe(3);
    expect(earliest(undefined)).toBeUndefined();
  });
});
