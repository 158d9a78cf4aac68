import { constants } from 'node:os';

// Bit numbers of include/uapi/linux/capability.h.
export const CAPABILITIES = {
  CAP_NET_BIND_SERVICE: 10,
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_IPC_LOCK: 14,
  CAP_SYS_MODULE: 16,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_NICE: 23,
} as const;

export type Capability = keyof typeof CAPABILITIES;

export interface Failure {
  readonly errno: number;
  /** System call or netlink request, such as `setsockopt SO_BINDTODEVICE`. */
  readonly call: string;
  /** The kernel's own words (netlink extended acknowledgement), or what the call was about. */
  readonly detail?: string | undefined;
  /** The capability that the call needs; named in the message when the kernel answers EPERM or EACCES. */
  readonly needs?: Capability | undefined;
  readonly cause?: unknown;
}

/** A system call or netlink request that the kernel refused. Tell failures apart by `code`, never by the message. */
export class LinuxError extends Error {
  override readonly name = 'LinuxError';
  /** `ENODEV`, `EEXIST`, ...; `ERRNO_<n>` for a number that has no name here. */
  readonly code: string;
  readonly errno: number;
  readonly call: string;
  readonly detail: string | undefined;

  constructor(failure: Failure) {
    const code = errnoName(failure.errno);
    const detail = failure.detail === undefined ? '' : ` (${failure.detail})`;
    super(
      `${failure.call}: ${code}${detail}${advice(code, failure.needs)}`,
      failure.cause === undefined ? undefined : { cause: failure.cause },
    );
    this.code = code;
    this.errno = failure.errno;
    this.call = failure.call;
    this.detail = failure.detail;
  }
}

export function isLinuxError(error: unknown, ...codes: readonly string[]): error is LinuxError {
  return error instanceof LinuxError && (codes.length === 0 || codes.includes(error.code));
}

function advice(code: string, needs: Capability | undefined): string {
  if (needs === undefined || (code !== 'EPERM' && code !== 'EACCES')) return '';
  return `; ${needs} is missing: run as root, or grant it in the service unit`;
}

const NAMES = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, number]): [number, string] => [number, name]),
  // Where two names share a number, the one that the manual pages of sockets and netlink use.
  [constants.errno.EAGAIN, 'EAGAIN'],
  [constants.errno.EOPNOTSUPP, 'EOPNOTSUPP'],
]);

function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `ERRNO_${errno}`;
}
