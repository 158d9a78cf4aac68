import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { boottimeMicros, monotonicMicros } from './clock.ts';
import { DeadlineTimer } from './deadline-timer.ts';

let timer: DeadlineTimer;
const due = vi.fn<() => void>();

beforeEach(() => {
  due.mockReset();
  timer = new DeadlineTimer(due);
});
afterEach(() => timer.close());

const fired = (times = 1) => vi.waitFor(() => expect(due).toHaveBeenCalledTimes(times), { interval: 1 });

it('is due at its deadline, not before, and once', async () => {
  const at = monotonicMicros() + 20_500;
  let firedAt = 0;
  due.mockImplementation(() => (firedAt ||= monotonicMicros()));
  timer.arm(at);
  await fired();
  expect(firedAt).toBeGreaterThanOrEqual(at);
  timer.arm(monotonicMicros() + 1);
  await fired(2);
});

it('that is over already is due at once, the beginning of the clock too', async () => {
  timer.arm(monotonicMicros() - 1_000_000);
  await fired();
  timer.arm(0);
  await fired(2);
});

it('goes by the last deadline that it was given', async () => {
  const late = vi.fn<() => void>();
  const other = new DeadlineTimer(late);
  timer.arm(monotonicMicros() + 1_000);
  timer.arm(monotonicMicros() + 3_600_000_000);
  other.arm(monotonicMicros() + 1_000);
  other.arm(undefined);
  const third = new DeadlineTimer(() => timer.arm(monotonicMicros()));
  third.arm(monotonicMicros() + 10_000);
  await fired();
  expect(late).not.toHaveBeenCalled();
  other.close();
  third.close();
});

it('that expired while the loop was busy is not due when it was armed anew meanwhile', async () => {
  const [hour, called, last] = [3_600_000_000, vi.fn<() => void>(), vi.fn<() => void>()];
  let rivals = false;
  // Each puts the other off: whichever the loop serves first, the other one is not due any more.
  const rearm = (other: () => DeadlineTimer) => () => {
    called();
    if (rivals) other().arm(monotonicMicros() + hour);
  };
  const one: DeadlineTimer = new DeadlineTimer(rearm(() => two));
  const two: DeadlineTimer = new DeadlineTimer(rearm(() => one));
  // The loop watches both from its next turn on.
  one.arm(1);
  two.arm(1);
  await vi.waitFor(() => expect(called).toHaveBeenCalledTimes(2), { interval: 1 });
  called.mockReset();
  rivals = true;
  const end = monotonicMicros() + 20_000;
  one.arm(end - 2_000);
  two.arm(end - 1_000);
  while (monotonicMicros() < end);
  const third = new DeadlineTimer(last);
  third.arm(monotonicMicros() + 20_000);
  await vi.waitFor(() => expect(last).toHaveBeenCalled());
  expect(called).toHaveBeenCalledTimes(1);
  for (const each of [one, two, third]) each.close();
});

it('can be closed twice, and armed no more', () => {
  timer.close();
  timer.close();
  timer.arm(1);
});

it('the clock that goes on in a suspension is never behind the monotonic one', () => {
  const monotonic = monotonicMicros();
  expect(boottimeMicros()).toBeGreaterThanOrEqual(monotonic);
});
