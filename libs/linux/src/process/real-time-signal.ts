import { constants } from 'node:os';
import { addressOfFunction, attempt, checked, closeDescriptor, pinned } from '../libc.ts';
import { ReadableWatch } from '../watch.ts';

/** SIGRTMIN as programs see it: two are the C library's. */
export const SIGRTMIN = 34;

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;
const F_GETFD = 1;
const SA_SIGINFO = 4;
const SA_RESTART = 0x10000000;
/** Room for `struct sigaction` of either C library: handler, mask, flags, restorer. */
const SIGACTION_LENGTH = 152;
const FLAGS_OFFSET = 136;

/**
 * Calls `received` for a real-time signal, which Node knows no name for. The handler is the C library's eventfd_write():
 * async-signal-safe, and called with the signal's number, which is where an event descriptor waits for it. Undefined where
 * that number is taken, or the C library is another one: then the signal is left as it was.
 */
export function onRealTimeSignal(signal: number, received: () => void): ReadableWatch | undefined {
  const handler = addressOfFunction('eventfd_write');
  if (handler === undefined || attempt('fcntl', signal, F_GETFD, 0) !== -constants.errno.EBADF) return undefined;
  const event = checked(attempt('eventfd', 0, EFD_NONBLOCK | EFD_CLOEXEC), 'eventfd');
  checked(attempt('dup3', event, signal, EFD_CLOEXEC), 'dup3');
  closeDescriptor(event);
  const action = pinned(SIGACTION_LENGTH);
  const view = new DataView(action.buffer);
  view.setBigUint64(0, handler, true);
  view.setInt32(FLAGS_OFFSET, SA_SIGINFO | SA_RESTART, true);
  checked(attempt('sigaction', signal, action, 0), 'sigaction');
  const counter = pinned(8);
  return new ReadableWatch(signal, () => {
    if (attempt('read', signal, counter, counter.length) > 0) received();
  });
}
