import { uptime } from 'node:os';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { ClockWatch } from './clock-watch.ts';

const HOUR = 3_600_000;

/** A watch of a clock that can be set, on a machine that can be suspended, and what it told. */
function watched() {
  const machine = { offset: 0, slept: 0 };
  const clock = { now: () => new Date(Date.now() + machine.offset) };
  const watch = new ClockWatch(clock, pino({ level: 'silent' }), () => uptime() + machine.slept / 1000);
  const told: number[] = [];
  watch.subscribe((ms) => told.push(Math.round(ms / HOUR)));
  return { machine, watch, told };
}

it('tells by how much the clock was set, before the new time is seen', () => {
  const { machine, watch, told } = watched();
  watch.now();
  expect(told).toEqual([]);
  machine.offset = 2 * HOUR;
  watch.now();
  watch.now();
  machine.offset = -HOUR;
  watch.now();
  expect(told).toEqual([2, -3]);
});

it('takes the time of a suspension for passed', () => {
  const { machine, watch, told } = watched();
  machine.offset = 8 * HOUR;
  machine.slept = 8 * HOUR;
  watch.now();
  expect(told).toEqual([]);
  // Set while it was suspended.
  machine.offset += 3 * HOUR;
  machine.slept += HOUR;
  watch.now();
  expect(told).toEqual([2]);
});
