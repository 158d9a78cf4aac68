import { diagnosticLines, readConfiguration } from './configuration.ts';

/** What `--check` prints, and whether the configuration can be used. */
export function checkConfiguration(path: string): { usable: boolean; lines: readonly string[] } {
  const reading = readConfiguration(path);
  const { diagnostics } = reading.ok ? reading.configuration : reading;
  const lines = diagnosticLines(diagnostics);
  if (!reading.ok) return { usable: false, lines: [...lines, reading.reason] };
  return { usable: true, lines: [...lines, `${path} is fine`] };
}
