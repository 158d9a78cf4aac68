import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

const STICKY = 0o1000;
const GROUP_OR_OTHERS = 0o022;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The file that a command's first word is, or why there is none to run. */
export function programOf(
  name: string,
  searchPath = process.env['PATH'] ?? DEFAULT_PATH,
): { path: string } | { reason: string } {
  const places = name.includes('/') ? [name] : searchPath.split(delimiter).map((directory) => join(directory, name));
  let reason = `there is no program ${name}`;
  for (const place of places) {
    try {
      if (!statSync(place).isFile()) {
        reason = `${place} is no file`;
        continue;
      }
      accessSync(place, constants.X_OK);
      return { path: place };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EACCES')
        reason = `${place} may not be executed: chmod +x it`;
    }
  }
  return { reason };
}

/**
 * Why a program must not run as root: somebody else can change it, or a directory on the way to it. Both the path as it is
 * written and the file behind it are looked at.
 */
export function whyInsecure(path: string): string | undefined {
  for (const start of new Set([path, realpathSync(path)])) {
    for (let part = start; ; part = dirname(part)) {
      const { mode, uid } = statSync(part);
      if (uid !== 0) return `${part} belongs to user ${uid}, not to root`;
      const isDirectory = statSync(part).isDirectory();
      // Nobody can replace what is in a sticky directory and root's.
      if ((mode & GROUP_OR_OTHERS) !== 0 && !(isDirectory && (mode & STICKY) !== 0))
        return `${part} can be changed by others than root (mode ${(mode & 0o7777).toString(8)})`;
      if (part === '/' || part === '.') break;
    }
  }
  return undefined;
}
