import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { runInGuest } from '@keepfleet/test-lab';
import type { ChecksResult } from './checks-plan.ts';
import type { Measure } from './table.ts';

/** More take all of its one slow processor under keepalived, too, and nothing is compared but who gets it. */
const IN_GUEST = [500, 2_000] as const;
const ON_MACHINE = [2_000, 10_000] as const;
const MAIN = join(import.meta.dirname, 'checks-main.ts');
const GUEST_MS = 8 * 60_000;

/**
 * Checks of a web server every 5 s, half by HTTP_GET and half by TCP_CHECK: by the whole agent and by keepalived in a
 * guest, which keepalived needs for its IPVS, where everything shares one slow processor; and by the agent alone on this
 * machine, where it has one to itself.
 */
export async function measureChecks(
  progress: (text: string) => void,
): Promise<{ readonly measures: Measure[]; readonly notes: string[] }> {
  const measures: Measure[] = [];
  const notes: string[] = [];
  for (const size of IN_GUEST) {
    progress(`checks: ${size} in a guest with one CPU, two minutes`);
    const words = ['ours', 'theirs'].map((program) => `node ${MAIN} ${program} ${size}`);
    const { output } = await runInGuest(words.join('\n'), { timeout: GUEST_MS, megabytes: 1_536 });
    const [ours, theirs] = resultsIn(output);
    if (ours === undefined || theirs === undefined) throw new Error(`no result of the guest: ${output.slice(-2_000)}`);
    measures.push(...compare(`${size} checks each 5 s in a guest`, ours, theirs));
    notes.push(answersOf(`${size} in a guest`, ours));
  }
  for (const size of ON_MACHINE) {
    progress(`checks: ${size} on this machine, half a minute`);
    const [alone] = resultsIn(await inNamespace(size));
    if (alone === undefined) throw new Error('no result on this machine');
    notes.push(
      `${size} checks each 5 s on one CPU of this machine, ahead of whatever else runs (SCHED_RR) (keepalived needs IPVS): ${textOf(alone)}`,
      answersOf(`${size} on this machine`, alone),
    );
  }
  return { measures: measures.sort((a, b) => a.columns.join().localeCompare(b.columns.join())), notes };
}

function compare(title: string, ours: ChecksResult, theirs: ChecksResult): Measure[] {
  const late = ({ lateness, runs, checked }: ChecksResult) => [...lateness, runs, checked];
  const use = ({ processor, processorOfAll, descriptors, memory }: ChecksResult) => [
    ...[processor, processorOfAll, descriptors, memory],
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
      columns: ['CPU %', 'of all %', 'descriptors', 'RSS MB'],
      ours: use(ours),
      theirs: use(theirs),
    },
  ];
}

function textOf({ lateness, checked, processor, processorOfAll, descriptors, memory, waiting }: ChecksResult): string {
  const [p50 = NaN, p99 = NaN, max = NaN] = lateness;
  return `lateness p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${max.toFixed(1)} ms; ${checked} checks made; CPU ${processor.toFixed(1)} % (${processorOfAll.toFixed(1)} % of all processes), and ${waiting.toFixed(1)} % of the time others had it; ${descriptors} descriptors; ${memory.toFixed(0)} MB`;
}

function answersOf(title: string, { answers }: ChecksResult): string {
  const [p50 = NaN, p99 = NaN, max = NaN] = answers;
  return `${title}: the lvs process answers its link within p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${max.toFixed(1)} ms meanwhile, at worst behind a snapshot`;
}

function resultsIn(output: string): ChecksResult[] {
  return output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as ChecksResult] : []));
}

/** A network of its own that ends with the process. */
function inNamespace(size: number): Promise<string> {
  const child = spawn('unshare', ['--net', process.execPath, MAIN, 'ours', String(size)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(output));
  });
}
