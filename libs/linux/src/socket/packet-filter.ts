import { addressOf, pinned } from '../libc.ts';
import { SOL_SOCKET, setOption } from './options.ts';

const SO_ATTACH_FILTER = 26;

/** One instruction of a classic BPF program, `struct sock_filter`. */
export interface FilterInstruction {
  readonly code: number;
  /** Instructions to skip when a comparison holds, and when it does not. */
  readonly ifTrue?: number;
  readonly ifFalse?: number;
  readonly value: number;
}

/** Lets the kernel drop what the program returns 0 for, before it wakes the process. */
export function attachFilter(fd: number, program: readonly FilterInstruction[]): void {
  const code = pinned(8 * program.length);
  const view = new DataView(code.buffer);
  for (const [i, { code: operation, ifTrue = 0, ifFalse = 0, value }] of program.entries()) {
    view.setUint16(8 * i, operation, true);
    view.setUint8(8 * i + 2, ifTrue);
    view.setUint8(8 * i + 3, ifFalse);
    view.setUint32(8 * i + 4, value >>> 0, true);
  }
  const descriptor = pinned(16);
  const header = new DataView(descriptor.buffer);
  header.setUint16(0, program.length, true);
  header.setBigUint64(8, addressOf(code), true);
  setOption(fd, { level: SOL_SOCKET, option: SO_ATTACH_FILTER, name: 'SO_ATTACH_FILTER' }, descriptor);
}
