import { globSync, readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import {
  type Diagnostic,
  type Disk,
  type FileLoader,
  type KeepalivedConfig,
  type LoadedFile,
  type ParseResult,
  type ReadingMemory,
  filesOnDisk,
  formatDiagnostic,
  isUsable,
  meaningText,
  parseKeepalivedConfig,
  readWithin,
} from '@keepfleet/config';
import { errorText } from '../error-text.ts';

const MAX_DIAGNOSTICS = 50;

/** The texts that one reading went by: enough to read the same again without the disk. */
export interface ConfigurationTexts {
  readonly file: string;
  readonly text: string;
  /** What each include brought, in the order of reading. */
  readonly loads: readonly (readonly LoadedFile[])[];
}

export interface Configuration {
  readonly config: KeepalivedConfig;
  /** SHA-256 of what it means: another order of its blocks, other comments and blanks change nothing. */
  readonly hash: string;
  /** SHA-256 of the text and of every file that it includes; with `${_RANDOM}` one text has several meanings. */
  readonly textHash: string;
  readonly texts: ConfigurationTexts;
  readonly diagnostics: readonly Diagnostic[];
  /** Gives diagnostics of checkHost the lines that they are about. */
  readonly withSource: ParseResult['withSource'];
  /** Milliseconds from its text to the model. */
  readonly readMs: number;
}

export type Reading =
  | { readonly ok: true; readonly configuration: Configuration }
  | {
      readonly ok: false;
      readonly reason: string;
      readonly diagnostics: readonly Diagnostic[];
      /** The file itself cannot be read. */
      readonly missing?: true;
    };

export interface ReadingOptions {
  /** What `@ID` lines are compared with; default the host name up to its first dot. */
  readonly configId?: string | undefined;
  /** Every include must find what it names. */
  readonly allIncludes?: boolean | undefined;
  /** Of readings before this one. */
  readonly memory?: ReadingMemory | undefined;
}

/** Reads a keepalived.conf with its includes. What cannot be used changes nothing: the caller keeps what it has. */
export function readConfiguration(path: string, options: ReadingOptions = {}): Reading {
  let text: string;
  try {
    text = readWithin(disk, path);
  } catch (error) {
    return { ok: false, missing: true, reason: `${path} cannot be read: ${errorText(error)}`, diagnostics: [] };
  }
  if (text.trim() === '') {
    const reason = `${path} is empty: was it cut off while it was written, on a full disk? To run nothing, write a comment into it`;
    return { ok: false, reason, diagnostics: [] };
  }
  return parseTexts(path, text, filesOnDisk(disk, text.length), options);
}

/** Reads a configuration again from its texts. */
export function readTexts({ file, text, loads }: ConfigurationTexts, options: ReadingOptions = {}): Reading {
  let next = 0;
  return parseTexts(file, text, { load: () => loads[next++] ?? [] }, options);
}

/** The host name up to its first dot. */
export function defaultConfigId(): string {
  return hostname().split('.')[0] ?? '';
}

export function textHashOf({ text, loads }: Pick<ConfigurationTexts, 'text' | 'loads'>): string {
  const files = loads.flat().map((file) => ('text' in file ? `\0${file.path}\0${file.text}` : `\0${file.path}`));
  return sha256(text, ...files);
}

/** Loaded when it is asked for: a check of a file needs no hash, and the module takes a tenth of its time. */
function sha256(...texts: readonly string[]): string {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
  for (const text of texts) hash.update(text);
  return hash.digest('hex');
}

function parseTexts(file: string, text: string, loader: FileLoader, options: ReadingOptions): Reading {
  const { configId = defaultConfigId(), allIncludes = false, memory } = options;
  const loads: (readonly LoadedFile[])[] = [];
  const began = performance.now();
  const result = parseKeepalivedConfig({
    file,
    text,
    loader: {
      ...loader,
      load: (pattern, includingFile) => {
        const files = loader.load(pattern, includingFile);
        loads.push(files);
        return files;
      },
    },
    configId,
    allIncludes,
    memory,
    environment: definedOnly(process.env),
    random: (low, high) => low + Math.floor(Math.random() * (high - low + 1)),
  });
  const { config, diagnostics } = result;
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error').length;
  if (!isUsable(result))
    return { ok: false, reason: `${file} has ${errors} error${errors === 1 ? '' : 's'}`, diagnostics };
  const texts = { file, text, loads };
  const readMs = Math.round(performance.now() - began);
  const { withSource } = result;
  let [hash, textHash]: [string | undefined, string | undefined] = [undefined, undefined];
  const configuration: Configuration = {
    config,
    // Of tens of thousands of servers they take as long as reading them, which nobody should wait for who puts them in force.
    get hash() {
      return (hash ??= sha256(meaningText(config)));
    },
    get textHash() {
      return (textHash ??= textHashOf(texts));
    },
    texts,
    diagnostics,
    withSource,
    readMs,
  };
  return { ok: true, configuration };
}

/** Diagnostics in words, the first of very many: a file of another kind has an error on every line. */
export function diagnosticLines(diagnostics: readonly Diagnostic[], most = MAX_DIAGNOSTICS): string[] {
  const lines = diagnostics.slice(0, most).map(formatDiagnostic);
  const rest = diagnostics.length - lines.length;
  return rest === 0 ? lines : [...lines, `and ${rest} more errors and warnings`];
}

const disk: Disk = {
  glob: (pattern) => globSync(pattern),
  stat: (path) => {
    const status = statSync(path);
    return status.isFile() ? status : undefined;
  },
  read: (path) => readFileSync(path, 'utf8'),
};

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
