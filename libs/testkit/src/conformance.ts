import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Machine, type Step, replay } from '@keepfleet/machine';

/** `case.json`: which rule a case is about, what goes in and what comes out, and how the snapshot ends. */
export interface ConformanceCase {
  readonly rule: string;
  readonly input: string;
  readonly output: string;
  readonly ends: object;
}

/** The cases of a directory: a folder each, of `case.json` and `steps.jsonl`, a recording (libs/machine). */
export function conformanceCases(directory: string): string[] {
  return readdirSync(directory).sort();
}

/** Plays a case to a fresh machine. UPDATE_CONFORMANCE=1 writes its outputs anew; they are reviewed as code. */
export function playCase<Input, Output>(directory: string, machine: Machine<Input, Output>) {
  const about = JSON.parse(readFileSync(join(directory, 'case.json'), 'utf8')) as ConformanceCase;
  const file = join(directory, 'steps.jsonl');
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const steps = lines.map((line) => JSON.parse(line) as Step<Input, Output>);
  const outputs = replay(machine, steps);
  const rewrite = process.env['UPDATE_CONFORMANCE'] === '1';
  if (rewrite) {
    const rewritten = steps.map((step, i) => JSON.stringify({ ...step, outputs: outputs[i] }));
    writeFileSync(file, `${rewritten.join('\n')}\n`);
  }
  return { about, outputs, wanted: rewrite ? outputs : steps.map((step) => step.outputs) };
}

/**
 * What a table of rules and the cases that prove them do not have in common. Cases stand in the last column of a row, `\*`
 * for any end of a name; other words there may be said too, but none with a hyphen that is no case.
 */
export function coverageGaps(markdown: string, cases: readonly string[]): { unmentioned: string[]; unknown: string[] } {
  const proofs = markdown.split('\n').flatMap((line) => (line.startsWith('|') ? [line.split('|').at(-2) ?? ''] : []));
  const names = proofs.flatMap((proof) => proof.split(/[\s,;()]+/)).filter((word) => /^[a-z0-9-]+(\\\*)?$/.test(word));
  const matches = (name: string, one: string) =>
    name.endsWith('\\*') ? one.startsWith(name.slice(0, -2)) : one === name;
  return {
    unmentioned: cases.filter((one) => !names.some((name) => matches(name, one))),
    unknown: names.filter((name) => /[a-z0-9]-/.test(name) && !cases.some((one) => matches(name, one))),
  };
}
