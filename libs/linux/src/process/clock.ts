import { attempt, checked, pinned } from '../libc.ts';

const CLOCK_REALTIME = 0;
const CLOCK_BOOTTIME = 7;

// `struct timespec`, for one call after the other.
const time = pinned(16);
const view = new DataView(time.buffer);

/** The monotonic clock in whole microseconds, the unit of Instant in `@keepfleet/machine`. */
export function monotonicMicros(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1_000);
}

/** Like {@link monotonicMicros}, but it goes on while the machine is suspended. */
export function boottimeMicros(): number {
  return Math.floor(clockMicros(CLOCK_BOOTTIME));
}

/** The wall clock as it is now: Node's `performance.timeOrigin` stands where it was before somebody set it. */
function wallMicros(): number {
  return clockMicros(CLOCK_REALTIME);
}

/**
 * A moment ago by the kernel's wall clock, on the monotonic clock: never after now. Right whenever the clock was set, but
 * between that moment and this call.
 */
export function monotonicOf(unixMicros: number, wall = wallMicros, monotonic = monotonicMicros): number {
  const age = Math.max(0, Math.round(wall() - unixMicros));
  return monotonic() - age;
}

function clockMicros(clock: number): number {
  checked(attempt('clock_gettime', clock, time), `clock_gettime of clock ${clock}`);
  return Number(view.getBigInt64(0, true)) * 1_000_000 + Number(view.getBigInt64(8, true)) / 1_000;
}
