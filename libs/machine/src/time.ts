/** A length of time in whole microseconds: keepalived's timer resolution, exact for centiseconds and for 1/256 s to 4 µs. */
export type Duration = number & { readonly __brand: 'Duration' };

/** A point on the monotonic clock in whole microseconds since an arbitrary start. Never wall-clock time. */
export type Instant = number & { readonly __brand: 'Instant' };

export function micros(count: number): Duration {
  return Math.round(count) as Duration;
}

export function millis(count: number): Duration {
  return micros(count * 1_000);
}

export function centis(count: number): Duration {
  return micros(count * 10_000);
}

export function seconds(count: number): Duration {
  return micros(count * 1_000_000);
}

export function instant(microseconds: number): Instant {
  return Math.round(microseconds) as Instant;
}

export function after(start: Instant, duration: Duration): Instant {
  return (start + duration) as Instant;
}

/** Time from `start` to `end`; negative when `end` comes first. */
export function between(start: Instant, end: Instant): Duration {
  return (end - start) as Duration;
}

export function toSeconds(duration: Duration): number {
  return duration / 1_000_000;
}

export function toMillis(duration: Duration): number {
  return duration / 1_000;
}

/** The earliest of several optional deadlines. */
export function earliest(...deadlines: readonly (Instant | undefined)[]): Instant | undefined {
  let first: Instant | undefined;
  for (const deadline of deadlines) {
    if (deadline !== undefined && (first === undefined || deadline < first)) first = deadline;
  }
  return first;
}
