import {
  type Diagnostic,
  type KeepalivedConfig,
  checkHost,
  formatDiagnosticWithSource,
  maskSecrets,
  writeKeepalivedConfig,
} from '@keepfleet/config';
import { type Reading, type ReadingOptions, readConfiguration } from './configuration.ts';
import { gatherHostFacts } from './host-facts.ts';

/** What `--config-test` says with its exit code; the first of the list that applies. */
export const VERDICTS = {
  /** The file or one that it must include cannot be read. */
  missing: 7,
  errors: 4,
  security: 6,
  warnings: 5,
  clean: 0,
} as const;
export type Verdict = keyof typeof VERDICTS;

export interface ConfigTest {
  readonly verdict: Verdict;
  readonly exitCode: number;
  readonly file: string;
  /** As the agent shows it of what is in force; missing where it cannot be used. */
  readonly hash?: string;
  /** Why it cannot be used, in a sentence. */
  readonly reason?: string;
  readonly counts: { readonly errors: number; readonly warnings: number };
  readonly diagnostics: readonly Diagnostic[];
}

/** Checks a configuration against its language and against this node; nothing is changed. */
export async function testConfiguration(path: string, options: ReadingOptions = {}): Promise<ConfigTest> {
  const reading = readConfiguration(path, options);
  const diagnostics = await allDiagnostics(reading);
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const verdict = verdictOf(reading, diagnostics);
  const test = {
    verdict,
    exitCode: VERDICTS[verdict],
    file: path,
    counts: { errors, warnings: diagnostics.length - errors },
    diagnostics,
  };
  if (!reading.ok) return { ...test, reason: reading.reason };
  const { configuration } = reading;
  // Only asked for in JSON.
  return {
    ...test,
    get hash() {
      return configuration.hash;
    },
  };
}

async function allDiagnostics(reading: Reading): Promise<readonly Diagnostic[]> {
  if (!reading.ok) return reading.diagnostics;
  const { config, diagnostics, withSource } = reading.configuration;
  return [...diagnostics, ...withSource(checkHost(config, await gatherHostFacts(config)))];
}

function verdictOf(reading: Reading, diagnostics: readonly Diagnostic[]): Verdict {
  if (!reading.ok) return reading.missing === true ? 'missing' : 'errors';
  if (diagnostics.some(({ kind }) => kind === 'host-security')) return 'security';
  return diagnostics.length > 0 ? 'warnings' : 'clean';
}

/** For people: every diagnostic with its line, then one sentence. */
export function configTestText({ file, diagnostics, verdict, reason, counts }: ConfigTest): string {
  const said = counted(counts);
  const last =
    verdict === 'clean'
      ? `${file} is fine`
      : verdict === 'missing'
        ? (reason ?? `${file} cannot be read`)
        : verdict === 'errors'
          ? `${reason ?? file}: it would be refused, and what runs would go on`
          : verdict === 'security'
            ? `${file} can be used; it has ${said}, of the safety of scripts among them`
            : `${file} can be used; it has ${said}`;
  return [...diagnostics.map(formatDiagnosticWithSource), last, ''].join('\n');
}

function counted({ errors, warnings }: ConfigTest['counts']): string {
  const of = (count: number, what: string) => (count === 0 ? [] : [`${count} ${what}${count === 1 ? '' : 's'}`]);
  return [...of(errors, 'error'), ...of(warnings, 'warning')].join(' and ') || 'nothing to report';
}

/** For people, after `--dump-conf`: what a configuration means with every default of its file written out, secrets hidden. */
export function dumpConfiguration(config: KeepalivedConfig): string {
  return maskSecrets(writeKeepalivedConfig(config));
}
