import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ChecksResult } from './checks-plan.ts';
import type { Measure } from './table.ts';

const SIZES = [2_000, 10_000] as const;
const MAIN = join(import.meta.dirname, 'checks-main.ts');

/**
 * Checks of a web server every 5 s, half by HTTP_GET and half by TCP_CHECK: by the whole agent and then by keepalived, each
 * with a processor of its own, on this kernel without IPVS, which keepalived is made to do without.
 */
export async function measureChecks(
  progress: (text: string) => void,
): Promise<{ readonly measures: Measure[]; readonly notes: string[] }> {
  const measures: Measure[] = [];
  const notes = ['What is measured has a processor of its own and comes ahead of whatever else runs (SCHED_RR).'];
  for (const size of SIZES) {
    progress(`checks: ${size}, two minutes`);
    const ours = await inNamespace('ours', size);
    const theirs = await inNamespace('theirs', size);
    measures.push(...compare(`${size} checks each 5 s`, ours, theirs));
    notes.push(answersOf(`${size} checks`, ours));
  }
  return { measures: measures.sort((a, b) => a.columns.join().localeCompare(b.columns.join())), notes };
}

function compare(title: string, ours: ChecksResult, theirs: ChecksResult): Measure[] {
  const late = ({ lateness, runs, checked }: ChecksResult) => [...lateness, runs, checked];
  const use = ({ processor, processorOfAll, waiting, descriptors, memory }: ChecksResult) => [
    ...[processor, processorOfAll, waiting, descriptors, memory],
  ];
  return [
    {
      what: `${title}: interval − 5,000, ms`,
      columns: ['p50', 'p99', 'max', 'intervals', 'checks'],
      ours: late(ours),
      theirs: late(theirs),
      withoutRatio: ['intervals', 'checks'],
    },
    {
      what: `${title}: use of the process that checks`,
      columns: ['CPU %', 'of all %', 'others had it %', 'descriptors', 'RSS MB'],
      ours: use(ours),
      theirs: use(theirs),
    },
  ];
}

function answersOf(title: string, { answers }: ChecksResult): string {
  const [p50 = NaN, p99 = NaN, max = NaN] = answers;
  return `${title}: the lvs process answers its link within p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${max.toFixed(1)} ms meanwhile, at worst behind a snapshot`;
}

/** A network of its own that ends with the process. */
function inNamespace(program: 'ours' | 'theirs', size: number): Promise<ChecksResult> {
  const child = spawn('unshare', ['--net', process.execPath, MAIN, program, String(size)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0
        ? resolve(JSON.parse(output) as ChecksResult)
        : reject(new Error(`checks of ${program} ended with ${code ?? 'a signal'}`)),
    );
  });
}
