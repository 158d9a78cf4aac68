/** What an include brings: the text of a file, or why it could not be read. */
export type LoadedFile =
  { readonly path: string; readonly text: string } | { readonly path: string; readonly unreadable: string };

/** How the parser reaches other files. The caller knows the disk, its wildcards, and what may be read; `{a,b}` is worked out before. */
export interface FileLoader {
  /**
   * The files that a pattern names, in the order of their names; none when nothing matches. One that is no regular,
   * non-executable file is unreadable. A relative pattern starts at the directory of the including file.
   */
  load(pattern: string, includingFile: string): readonly LoadedFile[];
  /** Whether there is something that a pattern names; asked for directories, all of which are there where nobody answers. */
  exists?(pattern: string, includingFile: string): boolean;
}

/** For a text that must stand alone: no include finds anything. */
export const noFiles: FileLoader = { load: () => [] };

/** Files held in memory under absolute paths; patterns may use `*`, `?` and one level of `{a,b}`. */
export function filesInMemory(files: Readonly<Record<string, string>>): FileLoader {
  return {
    load(pattern, includingFile) {
      const absolute = pattern.startsWith('/') ? pattern : `${directoryOf(includingFile)}/${pattern}`;
      const matches = globMatcher(absolute);
      return Object.keys(files)
        .filter((path) => matches.test(path))
        .sort()
        .map((path) => ({ path, text: files[path] ?? '' }));
    },
  };
}

export function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  if (slash < 0) return '.';
  return slash === 0 ? '/' : path.slice(0, slash);
}

function globMatcher(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^$()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '[^/]*')
    .replace(/\?/g, '[^/]')
    .replace(/\{([^{}]*)\}/g, (_whole, list: string) => `(?:${list.split(',').join('|')})`)
    .replace(/[{}](?![^(]*\))/g, '\\$&');
  return new RegExp(`^${source}$`);
}
