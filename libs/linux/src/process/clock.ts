/** The monotonic clock in whole microseconds, the unit of Instant in `@keepfleet/machine`. */
export function monotonicMicros(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1_000);
}

/** A wall-clock time of the kernel on the monotonic clock: never after now, whatever happened to the wall clock since. */
export function monotonicOf(unixMicros: number): number {
  const now = monotonicMicros();
  const age = (performance.timeOrigin + performance.now()) * 1_000 - unixMicros;
  return now - Math.max(0, Math.round(age));
}
