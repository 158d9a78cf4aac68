import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Replaces a file whole: after a crash it holds the old text or the new one, never a mixture. Throws what the file system says. */
export function writeFileAtomically(path: string, text: string, mode = 0o640): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  const temporary = `${path}.new`;
  // In a directory that everybody may write to, a link of that name must not be followed.
  rmSync(temporary, { force: true });
  const fd = openSync(temporary, 'wx', mode);
  try {
    // Goes on after a short write, which a disk that is nearly full answers with; writeSync() does not.
    writeFileSync(fd, text);
    fsyncSync(fd);
  } catch (error) {
    // Half a file is of use to nobody and takes the room that the next attempt needs.
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}
