import { constants, fstatSync, openSync, statSync } from 'node:fs';

/** For reading too: a pipe without a reader would refuse every line, and lose those for one that comes later. */
export function openPipe(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
}

/** Whether what is open is what has that name now. */
export function isOpenAs(descriptor: number, path: string): boolean {
  const named = statSync(path, { throwIfNoEntry: false });
  if (named === undefined) return false;
  const { dev, ino } = fstatSync(descriptor);
  return named.dev === dev && named.ino === ino;
}
