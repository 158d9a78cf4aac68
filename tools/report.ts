/** Of one test file: how many tests passed, and the names of those that did not. */
export interface FileReport {
  passed: number;
  failed: string[];
}

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
    const failed = tests.filter((test) => test?.['status'] === 'failed').map((test) => String(test?.['fullName']));
    if (failed.length === 0 && result['status'] === 'failed') failed.push('(the file itself)');
    report.set(result['name'], { passed: tests.filter((test) => test?.['status'] === 'passed').length, failed });
  }
  return report;
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
