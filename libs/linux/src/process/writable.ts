import { attempt, checked, pinned } from '../libc.ts';

const POLLOUT = 4;

/** `struct pollfd`: descriptor, events asked for, events that are. */
const polled = pinned(8);
const view = new DataView(polled.buffer);

/**
 * Bytes that a pipe, a socket or a terminal takes without making the writer wait, once {@link isWritable} says that it
 * takes any (PIPE_BUF).
 */
export const WRITABLE_BYTES = 4096;

/** Whether a descriptor takes bytes now; a file always does. Throws {@link LinuxError}. */
export function isWritable(fd: number): boolean {
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLOUT, true);
  view.setInt16(6, 0, true);
  return checked(attempt('poll', polled, 1, 0), 'poll') > 0;
}
