import { stripVTControlCharacters } from 'node:util';

export interface FailedTest {
  name: string;
  /** The first line of its first error, cut; empty when the report has none. */
  why: string;
}

/** Of one test file: how many tests passed, and those that did not. */
export interface FileReport {
  passed: number;
  failed: FailedTest[];
}

/** More of an error than this is for the run's own output. */
const WHY_LENGTH = 300;

/** By the path of the test file. */
export type Report = ReadonlyMap<string, FileReport>;

/**
 * Reads what `vitest --reporter=json` wrote. A file that failed without a failed test (it does not load, its `beforeAll`
 * threw) counts as one failed test of its own name. Undefined when the text is no such report.
 */
export function readReport(text: string): Report | undefined {
  const { testResults } = asRecord(parse(text)) ?? {};
  if (!Array.isArray(testResults)) return undefined;
  const report = new Map<string, FileReport>();
  for (const result of testResults.map(asRecord)) {
    if (result === undefined || typeof result['name'] !== 'string') return undefined;
    const tests = (Array.isArray(result['assertionResults']) ? result['assertionResults'] : []).map(asRecord);
    const failed = tests.filter((test) => test?.['status'] === 'failed').map(failedTest);
    if (failed.length === 0 && result['status'] === 'failed')
      failed.push({ name: '(the file itself)', why: firstLine(result['message']) });
    report.set(result['name'], { passed: tests.filter((test) => test?.['status'] === 'passed').length, failed });
  }
  return report;
}

function failedTest(test: Record<string, unknown> | undefined): FailedTest {
  const messages = test?.['failureMessages'];
  return { name: String(test?.['fullName']), why: firstLine(Array.isArray(messages) ? messages[0] : undefined) };
}

function firstLine(text: unknown): string {
  const [line = ''] = typeof text === 'string' ? stripVTControlCharacters(text).trim().split('\n') : [];
  return line.length > WHY_LENGTH ? `${line.slice(0, WHY_LENGTH)}…` : line;
}

/** The paths of the files with a failed test. */
export function failedFiles(report: Report): string[] {
  return [...report].filter(([, { failed }]) => failed.length > 0).map(([path]) => path);
}

/** The first run with the files of the second in place of its own. */
export function replaced(first: Report, second: Report): Report {
  return new Map([...first, ...second]);
}

/** How many tests of all files passed and failed. */
export function count(report: Report): { passed: number; failed: number } {
  const files = [...report.values()];
  return {
    passed: files.reduce((sum, { passed }) => sum + passed, 0),
    failed: files.reduce((sum, { failed }) => sum + failed.length, 0),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
