import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/**
 * The beginning of a regular file, or undefined where there is none that can be read. Never waits: a pipe of that name, which
 * would be open only when somebody writes to it, is no file.
 */
export function beginningOf(path: string, longest: number): string | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(descriptor).isFile()) return undefined;
    const bytes = Buffer.alloc(longest);
    return bytes.toString('latin1', 0, readSync(descriptor, bytes, 0, longest, 0));
  } catch {
    // Not there, or not for us to read: keepalived makes no difference either.
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
