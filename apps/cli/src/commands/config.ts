import { globSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import {
  type Diagnostic,
  type Disk,
  type HostFacts,
  type LoadedFile,
  type ParseResult,
  checkHost,
  describeLanguage,
  filesOnDisk,
  formatDiagnosticWithSource,
  hostFactsSchema,
  isUsable,
  parseKeepalivedConfig,
  preprocessing,
  readWithin,
  writeKeepalivedConfig,
} from '@keepfleet/config';
import type { fleet } from '@keepfleet/rpc';
import type { Answer, Command, LocalCommand } from '../command.ts';
import type { Controller } from '../connection.ts';
import { Failure, exitCodes } from '../failure.ts';

const disk: Disk = {
  glob: (pattern) => globSync(pattern),
  stat: (path) => {
    const status = statSync(path);
    return status.isFile() ? status : undefined;
  },
  read: (path) => readFileSync(path, 'utf8'),
};

export interface ConfigFlags {
  readonly configId?: string;
}

function read(
  file: string,
  { configId }: ConfigFlags,
  allIncludes = false,
  loaded: (file: LoadedFile) => void = () => undefined,
): ParseResult & { text: string } {
  const path = resolve(file);
  let text: string;
  try {
    text = readWithin(disk, path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(`${file} cannot be read: ${reason}`, CHECKED.missing, error);
  }
  const loader = filesOnDisk(disk, text.length);
  const result = parseKeepalivedConfig({
    file,
    text,
    loader: {
      ...loader,
      load: (pattern, includingFile) => {
        const files = loader.load(pattern, includingFile);
        for (const one of files) loaded(one);
        return files;
      },
    },
    configId: configId ?? hostname().split('.')[0] ?? '',
    allIncludes,
  });
  return { ...result, text };
}

/** As those of `keepfleet-agent --config-test`. */
const CHECKED = { errors: 4, warnings: 5, security: 6, missing: 7 } as const;

/** Checks a keepalived.conf where no agent is; against the facts of a node, if they are given. */
export class ConfigCheckCommand implements LocalCommand {
  readonly #file: string;
  readonly #flags: ConfigFlags & { readonly facts?: string; readonly allConfig?: boolean };

  constructor(file: string, flags: ConfigFlags & { readonly facts?: string; readonly allConfig?: boolean }) {
    this.#file = file;
    this.#flags = flags;
  }

  runLocally(): Promise<Answer> {
    const result = read(this.#file, this.#flags, this.#flags.allConfig === true);
    const { facts } = this.#flags;
    const host = facts === undefined ? [] : result.withSource(checkHost(result.config, readFacts(facts)));
    return Promise.resolve(judgement(this.#file, isUsable(result), [...result.diagnostics, ...host]));
  }
}

/** Checks a keepalived.conf for a node, which the controller asks what it has. */
export class ConfigCheckOnNodeCommand implements Command {
  readonly #file: string;
  readonly #node: string;
  readonly #flags: ConfigFlags;

  constructor(file: string, node: string, flags: ConfigFlags) {
    this.#file = file;
    this.#node = node;
    this.#flags = flags;
  }

  async run(controller: Controller): Promise<Answer> {
    const file = resolve(this.#file);
    const includes: Record<string, string> = {};
    // Read as the node is most likely to: the controller reads it again, as the node says.
    const { text } = read(this.#file, { configId: this.#node, ...this.#flags }, false, (found) => {
      if ('text' in found) includes[found.path] = found.text;
    });
    const { configId = '' } = this.#flags;
    const response = await controller.checkConfig({ node: this.#node, file, text, includes, configId });
    return judgement(this.#file, response.usable, response.findings.map(diagnosticOf), ` on ${this.#node}`);
  }
}

function diagnosticOf({ error, kind, hint, sourceLine, ...rest }: fleet.ConfigFinding): Diagnostic {
  return {
    ...rest,
    severity: error ? 'error' : 'warning',
    // Of a newer controller it may be one that is not known here: it is only printed.
    kind: kind as Diagnostic['kind'],
    ...(hint === '' ? {} : { hint }),
    ...(sourceLine === '' ? {} : { sourceLine }),
  };
}

function judgement(file: string, usable: boolean, diagnostics: readonly Diagnostic[], where = ''): Answer {
  const last = usable ? (diagnostics.length === 0 ? 'is fine' : 'can be used') : 'would be refused';
  return {
    data: { file, usable, diagnostics },
    exitCode: exitCodeOf(usable, diagnostics),
    text: [...diagnostics.map(formatDiagnosticWithSource), `${file} ${last}${where}`].join('\n'),
  };
}

function exitCodeOf(usable: boolean, diagnostics: readonly Diagnostic[]): number {
  if (!usable) return CHECKED.errors;
  if (diagnostics.some(({ kind }) => kind === 'host-security')) return CHECKED.security;
  return diagnostics.length > 0 ? CHECKED.warnings : exitCodes.ok;
}

function readFacts(path: string): HostFacts {
  try {
    return hostFactsSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(
      `${path} holds no facts of a node (${reason}); make it there with keepfleet-agent --host-facts`,
      exitCodes.usage,
      error,
    );
  }
}

export interface FormatFlags extends ConfigFlags {
  readonly write?: boolean;
  readonly check?: boolean;
  readonly expand?: boolean;
}

/** Writes a keepalived.conf in its one form, comments kept; what would be lost is a reason not to. */
export class ConfigFormatCommand implements LocalCommand {
  readonly #file: string;
  readonly #flags: FormatFlags;

  constructor(file: string, flags: FormatFlags) {
    this.#file = file;
    this.#flags = flags;
  }

  runLocally(): Promise<Answer> {
    const result = read(this.#file, this.#flags);
    if (!isUsable(result)) {
      const [first] = result.diagnostics.filter(({ severity }) => severity === 'error');
      throw new Failure(
        `${this.#file} has errors and is left as it is${first === undefined ? '' : `; the first:\n${formatDiagnosticWithSource(first)}`}`,
        CHECKED.errors,
      );
    }
    const { expand = false, write = false, check = false } = this.#flags;
    const used = preprocessing(result.text);
    if (used.length > 0 && !expand) {
      throw new Failure(
        `${this.#file} has ${used.join(', ')}, which the one form does not have; --expand writes it out as it is for one node (--config-id)`,
        exitCodes.failed,
      );
    }
    const text = writeKeepalivedConfig(result.config, result.text);
    this.#refuseLoss(result, text);
    const same = text === result.text;
    if (write && !same) replace(resolve(this.#file), text);
    return Promise.resolve({
      data: { file: this.#file, formatted: same, text },
      exitCode: check && !same ? exitCodes.failed : exitCodes.ok,
      text: check ? `${this.#file} ${same ? 'is' : 'is not'} in its one form` : write ? '' : text.trimEnd(),
    });
  }

  /** Keywords without effect here, which are in no model, and unknown ones. */
  #refuseLoss({ diagnostics }: ParseResult, text: string): void {
    const kept = notKept(parseKeepalivedConfig({ file: this.#file, text }).diagnostics);
    const lost = [...notKept(diagnostics)].filter((message) => !kept.has(message));
    if (lost.length === 0) return;
    throw new Failure(
      `${this.#file} is left as it is, since this would be lost:\n${lost.join('\n')}\nremove it first, if it is not needed`,
      exitCodes.failed,
    );
  }
}

function notKept(diagnostics: readonly Diagnostic[]): ReadonlySet<string> {
  return new Set(
    diagnostics.flatMap(({ kind, message }) =>
      kind === 'not-implemented' || kind === 'unknown-keyword' ? [message.replace(/ up to line \d+/, '')] : [],
    ),
  );
}

/** The file is whole at any time, and keeps its permissions. */
function replace(path: string, text: string): void {
  const temporary = `${path}.new`;
  try {
    writeFileSync(temporary, text, { mode: statSync(path).mode });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(`${path} cannot be written: ${reason}`, exitCodes.failed, error);
  }
}

/** The language as the parser has it, for editors. */
export class ConfigLanguageCommand implements LocalCommand {
  runLocally(): Promise<Answer> {
    const blocks = describeLanguage();
    const rows = blocks.flatMap(({ name, keywords }) =>
      keywords.map(({ keyword, parameters }) => `${name} > ${keyword} ${parameters}`.trimEnd()),
    );
    return Promise.resolve({ data: blocks, text: rows.join('\n') });
  }
}
