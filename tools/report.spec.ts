import { describe, expect, it } from 'vitest';
import { count, failedFiles, readReport, replaced } from './report.ts';

function json(...files: [name: string, status: string, ...tests: string[]][]): string {
  return JSON.stringify({
    testResults: files.map(([name, status, ...tests]) => ({
      name,
      status,
      assertionResults: tests.map((state, i) => ({ fullName: `${name} ${i}`, status: state })),
    })),
  });
}

function read(text: string) {
  const report = readReport(text);
  if (report === undefined) throw new Error('no report');
  return report;
}

describe('a report of vitest', () => {
  it('counts what passed and failed, and neither what was skipped', () => {
    const report = read(json(['a', 'passed', 'passed', 'skipped'], ['b', 'failed', 'passed', 'failed', 'failed']));
    expect(count(report)).toEqual({ passed: 2, failed: 2 });
    expect(failedFiles(report)).toEqual(['b']);
    expect(report.get('b')?.failed.map(({ name }) => name)).toEqual(['b 1', 'b 2']);
  });

  it('tells why a test failed, or a file did not load, in one line', () => {
    const text = JSON.stringify({
      testResults: [
        {
          name: 'a',
          status: 'failed',
          assertionResults: [
            {
              status: 'failed',
              fullName: 'long',
              failureMessages: [`\u001b[31mError: ${'x'.repeat(400)}\u001b[39m\n    at f`],
            },
            { status: 'failed', fullName: 'silent', failureMessages: [] },
          ],
        },
        { name: 'b', status: 'failed', message: 'cannot find module\nat', assertionResults: [] },
      ],
    });
    expect(read(text).get('a')?.failed).toEqual([
      { name: 'long', why: `Error: ${'x'.repeat(293)}…` },
      { name: 'silent', why: '' },
    ]);
    expect(read(text).get('b')?.failed).toEqual([{ name: '(the file itself)', why: 'cannot find module' }]);
  });

  it('counts a file that does not load as a failed test', () => {
    expect(count(read(json(['a', 'failed'], ['b', 'failed', 'passed'])))).toEqual({ passed: 1, failed: 2 });
  });

  it('takes the second run of a file in place of the first, for better or worse', () => {
    const first = read(json(['a', 'passed', 'passed'], ['b', 'failed', 'failed', 'passed'], ['c', 'failed', 'failed']));
    const second = read(json(['b', 'passed', 'passed', 'passed'], ['c', 'failed', 'failed']));
    expect(count(replaced(first, second))).toEqual({ passed: 3, failed: 1 });
  });

  it('is none when it is something else', () => {
    for (const text of ['', '{', 'null', '{"testResults":{}}', '{"testResults":[null]}', '{"testResults":[{}]}'])
      expect(readReport(text)).toBeUndefined();
  });
});
