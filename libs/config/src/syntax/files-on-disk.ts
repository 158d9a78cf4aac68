import type { FileLoader, LoadedFile } from './files.ts';

/** What a loader needs of a file system; node:fs has all of it. */
export interface Disk {
  /** Paths that match a pattern of wildcards. */
  glob(pattern: string): readonly string[];
  /** Undefined for what is there and no regular file. Throws what the system says. */
  stat(path: string): { readonly size: number; readonly mode: number } | undefined;
  read(path: string): string;
}

/** A file over this is no configuration; the largest known one has 4 MiB. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** Of all files together: a few files that include each other could be read for ever. */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;
const EXECUTE = 0o111;

/** Includes from a disk: regular, non-executable files only, as keepalived reads them. */
export function filesOnDisk(disk: Disk, already = 0): FileLoader {
  let total = already;
  const load = (path: string): LoadedFile => {
    try {
      const status = disk.stat(path);
      if (status === undefined || (status.mode & EXECUTE) !== 0)
        return { path, unreadable: 'it is not a regular file without execute permission' };
      total += status.size;
      if (total > MAX_TOTAL_BYTES)
        return { path, unreadable: `the files of this configuration have more than ${MAX_TOTAL_BYTES} bytes together` };
      return { path, text: readWithin(disk, path) };
    } catch (error) {
      return { path, unreadable: error instanceof Error ? error.message : String(error) };
    }
  };
  return {
    load: (pattern, includingFile) => [...disk.glob(absolute(pattern, includingFile))].sort().map(load),
    exists: (pattern, includingFile) => disk.glob(absolute(pattern, includingFile)).length > 0,
  };
}

function absolute(path: string, includingFile: string): string {
  return path.startsWith('/') ? path : `${includingFile.slice(0, includingFile.lastIndexOf('/') + 1)}${path}`;
}

/** A file's text. Throws for what is no regular file, since reading a FIFO would wait, and for what is too large. */
export function readWithin(disk: Disk, path: string): string {
  const status = disk.stat(path);
  if (status === undefined) throw new Error('it is not a regular file');
  if (status.size > MAX_FILE_BYTES) throw new Error(`it has ${status.size} bytes, more than ${MAX_FILE_BYTES}`);
  return disk.read(path);
}
