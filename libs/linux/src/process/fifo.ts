import { checked, attempt } from '../libc.ts';

/** Makes a named pipe; throws {@link LinuxError}, EEXIST where there is something already. */
export function makeFifo(path: string, mode: number): void {
  checked(attempt('mkfifo', path, mode), 'mkfifo', { detail: path });
}
