/** Numbers of both programs under the same heads. */
export interface Measure {
  readonly what: string;
  readonly columns: readonly string[];
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** Columns without a ratio: counts, and errors that may be 0 or negative. */
  readonly withoutRatio?: readonly string[];
  /** Who theirs are; default keepalived. */
  readonly peer?: string;
}

export const SPREAD = ['min', 'median', 'p95', 'max', 'runs'] as const;

/** A measure of samples, none of them where nothing was done in time; percentiles by nearest rank, so p95 of fewer than 20 samples is their maximum. */
export function spread(what: string, ours: readonly number[], theirs: readonly number[]): Measure {
  const numbers = (samples: readonly number[]) => [
    percentile(samples, 0),
    percentile(samples, 50),
    percentile(samples, 95),
    percentile(samples, 100),
    samples.length,
  ];
  return { what, columns: SPREAD, ours: numbers(ours), theirs: numbers(theirs), withoutRatio: ['runs'] };
}

export function percentile(samples: readonly number[], percent: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? NaN;
}

const WHAT = 64;
const WHO = 12;
const NUMBER = 11;

export function formatTable(measures: readonly Measure[]): string {
  const lines: string[] = [];
  let heads = '';
  for (const { what, columns, ours, theirs, withoutRatio = [], peer = 'keepalived' } of measures) {
    if (columns.join() !== heads) {
      lines.push('', ''.padEnd(WHAT + WHO) + columns.map((column) => column.padStart(NUMBER)).join(''));
      heads = columns.join();
    }
    const ratios = columns.map((column, i) =>
      withoutRatio.includes(column) || theirs[i] === 0 ? '' : ratioText((ours[i] ?? NaN) / (theirs[i] ?? NaN)),
    );
    lines.push(row(what, 'keepfleet', ours.map(formatNumber)), row('', peer, theirs.map(formatNumber)));
    if (ratios.some((ratio) => ratio !== '')) lines.push(row('', 'ratio', ratios));
  }
  return lines.join('\n');
}

function row(what: string, who: string, cells: readonly string[]): string {
  return what.padEnd(WHAT) + who.padEnd(WHO) + cells.map((cell) => cell.padStart(NUMBER)).join('');
}

function ratioText(ratio: number): string {
  return Number.isNaN(ratio) ? '' : `×${formatNumber(ratio)}`;
}

function formatNumber(value: number): string {
  if (Number.isNaN(value)) return 'not done';
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}
