import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Step, replay } from '@keepfleet/machine';
import { seededRandom } from '@keepfleet/testkit';
import { describe, expect, it } from 'vitest';
import { type BfdInput, type BfdOutput, BfdNode } from './index.ts';

/**
 * A folder a case: `case.json` says which rule it is about, what goes in and what comes out, and how the snapshot ends;
 * `steps.jsonl` is a recording (libs/machine). UPDATE_CONFORMANCE=1 writes the outputs anew; they are reviewed as code.
 */
const CASES = join(import.meta.dirname, 'conformance');

interface Case {
  readonly rule: string;
  readonly input: string;
  readonly output: string;
  readonly ends: object;
}

type BfdStep = Step<BfdInput, BfdOutput>;

describe('conformance', () => {
  it.each(readdirSync(CASES).sort())('%s', (name) => {
    const about = JSON.parse(readFileSync(join(CASES, name, 'case.json'), 'utf8')) as Case;
    const file = join(CASES, name, 'steps.jsonl');
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const steps = lines.map((line) => JSON.parse(line) as BfdStep);
    const node = new BfdNode(seededRandom(1));
    const outputs = replay(node, steps);
    if (process.env['UPDATE_CONFORMANCE'] === '1') {
      const rewritten = steps.map((step, i) => JSON.stringify({ ...step, outputs: outputs[i] }));
      writeFileSync(file, `${rewritten.join('\n')}\n`);
    } else expect(outputs, about.output).toEqual(steps.map((step) => step.outputs));
    expect(
      node.snapshot((at) => at),
      about.rule,
    ).toMatchObject(about.ends);
  });
});
