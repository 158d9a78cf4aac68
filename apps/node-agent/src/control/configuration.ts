import { createHash } from 'node:crypto';
import { globSync, readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import {
  type Diagnostic,
  type FileLoader,
  type KeepalivedConfig,
  type LoadedFile,
  formatDiagnostic,
  isUsable,
  parseKeepalivedConfig,
} from '@keepfleet/config';
import { errorText } from '../error-text.ts';

/** keepalived's limit of what may be read as an include, and ours of the main file. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

const MAX_DIAGNOSTICS = 50;

export interface Configuration {
  readonly config: KeepalivedConfig;
  /** SHA-256 of the text and of every file that it includes. */
  readonly hash: string;
  readonly diagnostics: readonly Diagnostic[];
}

export type Reading =
  | { readonly ok: true; readonly configuration: Configuration }
  | { readonly ok: false; readonly reason: string; readonly diagnostics: readonly Diagnostic[] };

/** Reads a keepalived.conf with its includes; `configId` is what `@ID` lines are compared with. What cannot be used changes nothing: the caller keeps what it has. */
export function readConfiguration(path: string, configId = hostname().split('.')[0] ?? ''): Reading {
  const hash = createHash('sha256');
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    return { ok: false, reason: `${path} cannot be read: ${errorText(error)}`, diagnostics: [] };
  }
  if (text.trim() === '') {
    const reason = `${path} is empty: was it cut off while it was written, on a full disk? To run nothing, write a comment into it`;
    return { ok: false, reason, diagnostics: [] };
  }
  hash.update(text);
  const loader: FileLoader = {
    load: (pattern, includingFile) => {
      const files = loadIncludes(pattern, includingFile);
      for (const file of files) hash.update('text' in file ? `\0${file.path}\0${file.text}` : `\0${file.path}`);
      return files;
    },
  };
  const result = parseKeepalivedConfig({
    file: path,
    text,
    loader,
    configId,
    environment: definedOnly(process.env),
    random: (low, high) => low + Math.floor(Math.random() * (high - low + 1)),
  });
  const { config, diagnostics } = result;
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length;
  if (!isUsable(result))
    return { ok: false, reason: `${path} has ${errors} error${errors === 1 ? '' : 's'}`, diagnostics };
  return { ok: true, configuration: { config, hash: hash.digest('hex'), diagnostics } };
}

/** Diagnostics in words, the first of very many: a file of another kind has an error on every line. */
export function diagnosticLines(diagnostics: readonly Diagnostic[], most = MAX_DIAGNOSTICS): string[] {
  const lines = diagnostics.slice(0, most).map(formatDiagnostic);
  const rest = diagnostics.length - lines.length;
  return rest === 0 ? lines : [...lines, `and ${rest} more errors and warnings`];
}

/** Regular, non-executable files only, as keepalived reads them. */
function loadIncludes(pattern: string, includingFile: string): LoadedFile[] {
  const absolute = isAbsolute(pattern) ? pattern : join(dirname(includingFile), pattern);
  return globSync(absolute)
    .sort()
    .flatMap((path): LoadedFile[] => {
      try {
        const status = statSync(path);
        if (!status.isFile() || (status.mode & 0o111) !== 0) return [];
        return [{ path, text: readText(path) }];
      } catch (error) {
        return [{ path, unreadable: errorText(error) }];
      }
    });
}

function readText(path: string): string {
  const status = statSync(path);
  // Reading a FIFO would wait for a writer, and everything else of the node with it.
  if (!status.isFile()) throw new Error('it is not a regular file');
  const { size } = status;
  if (size > MAX_FILE_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_FILE_BYTES}`);
  return readFileSync(path, 'utf8');
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
