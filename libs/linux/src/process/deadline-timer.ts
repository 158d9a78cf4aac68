import { constants } from 'node:os';
import { attempt, checked, closeDescriptor, pinned } from '../libc.ts';
import { ReadableWatch } from '../watch.ts';

const CLOCK_MONOTONIC = 1;
const TFD_NONBLOCK = 0o4000;
const TFD_CLOEXEC = 0o2000000;
const TFD_TIMER_ABSTIME = 1;

/**
 * One deadline at a time on the monotonic clock (`monotonicMicros`), by timerfd_create(2): to some microseconds, where
 * Node's own timers round up to the next millisecond. `due` is called on the event loop, before or after sockets that are
 * readable in the same turn: packets that arrived before the deadline may still lie there. Whoever judges by a silence
 * reads them first (`readUntil` of the sockets).
 */
export class DeadlineTimer {
  readonly #fd: number;
  readonly #watch: ReadableWatch;
  readonly #due: () => void;
  //  struct itimerspec: interval (seconds, nanoseconds), value (seconds, nanoseconds)
  readonly #spec = pinned(32);
  readonly #view = new DataView(this.#spec.buffer);
  readonly #expirations = pinned(8);
  #at: number | undefined;

  constructor(due: () => void) {
    this.#due = due;
    this.#fd = checked(attempt('timerfd_create', CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), 'timerfd_create');
    this.#watch = new ReadableWatch(this.#fd, () => this.#expired());
  }

  /** Instead of any other deadline; undefined for none. One that is over is due at once. */
  arm(at: number | undefined): void {
    if (this.#watch.closed || at === this.#at) return;
    this.#at = at;
    // All zero would mean none.
    const micros = at === undefined ? 0 : Math.max(1, at);
    this.#view.setBigInt64(16, BigInt(Math.floor(micros / 1_000_000)), true);
    this.#view.setBigInt64(24, BigInt((micros % 1_000_000) * 1_000), true);
    checked(attempt('timerfd_settime', this.#fd, TFD_TIMER_ABSTIME, this.#spec, 0), 'timerfd_settime');
  }

  close(): void {
    if (this.#watch.close()) closeDescriptor(this.#fd);
  }

  #expired(): void {
    const read = attempt('read', this.#fd, this.#expirations, this.#expirations.length);
    // Armed anew since it expired.
    if (read === -constants.errno.EAGAIN) return;
    checked(read, 'read', { detail: 'timerfd' });
    this.#at = undefined;
    this.#due();
  }
}
