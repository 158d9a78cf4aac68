import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// Every form of include, under every include_check, beside `keepalived -t`: which files are read, and which lines are found
// fault with. Needs root and Debian's keepalived.

const AGENT = fileURLToPath(new URL('../../../bin/keepfleet-agent', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'kf-includes-'));
const MAIN = 'main.conf';
const timeout = 120_000;
const SOMEBODY = 65_534;
const WITHOUT = '-dac_override,-dac_read_search';

/** Each line has a directory with the same files for itself, so that what is read tells which line read it; `@` is its path. */
const PATTERNS: readonly string[] = [
  'a.conf',
  '@/a.conf',
  'none.conf',
  'nodir/a.conf',
  '*.conf',
  '*.none',
  'nodir/*.conf',
  '?.conf',
  '[ab].conf',
  '[!a].conf',
  '[xy].conf',
  '{a,b}.conf',
  '{b,a}.conf',
  '{a,x}.conf',
  '{x,a}.conf',
  '{x,y}.conf',
  '{a*,b*}.conf',
  '{a*,x*}.conf',
  '{x*,y*}.conf',
  '{a,{b,x}}.conf',
  '{a.conf,b.conf}',
  '{a,nodir/b}.conf',
  '*/c.conf',
  '*/none.conf',
  'sub/*.conf',
  'sub/x*.conf',
  '{sub/x*,nodir/x*}.conf',
  '{x*,nodir/x*,y}.conf',
  '*',
  'sub',
  'sub/',
  'run.conf',
  'link.conf',
  'dangling.conf',
  'pipe.conf',
  'secret.conf',
  '{a,secret}.conf',
  's*.conf',
  'a.conf # and a comment',
];
const KEYWORDS = ['include', 'includer', 'includem', 'includew', 'includeb', 'includea'];
const CHECKS = [
  ...['include_check', 'include_check read', 'include_check match', 'include_check wildcard_match'],
  ...['include_check brace_match', 'include_check read brace_match', 'include_check +match', 'include_check -read'],
  'include_check\n include_check -wildcard_match -match',
  'include_check match\n include_check +read',
];

interface Form {
  readonly title: string;
  readonly keyword: string;
  readonly check?: string;
  readonly options?: readonly string[];
  /** Without the right of root to read everything. */
  readonly bounded?: boolean;
}

const forms: readonly Form[] = [
  ...KEYWORDS.flatMap((keyword): Form[] => [
    { title: keyword, keyword },
    { title: `${keyword} without rights`, keyword, bounded: true },
  ]),
  ...CHECKS.map((check): Form => ({ title: check, keyword: 'include', check, bounded: true })),
  { title: '-e', keyword: 'include', options: ['-e'] },
  { title: 'includem below include_check read', keyword: 'includem', check: 'include_check read' },
];

/** Where the two differ: patterns, and of which form. */
const DIFFERENCES: readonly { readonly pattern: RegExp; readonly form: RegExp; readonly why: string }[] = [
  {
    pattern: /^\{a,(x|\{b,x\}|nodir\/b)\}\.conf$|^\{x,a\}\.conf$/,
    form: /^include[ab]|^-e|^include_check(?:\n| brace_match|$)/,
    why: 'where something else is missing it reads nothing, and we what there is, to find fault with that too',
  },
];

interface Verdict {
  /** Names of files, in no order. */
  readonly read: readonly string[];
  /** A file that is missing or cannot be read is a fault, or is only told of. */
  readonly found: 'nothing' | 'something' | 'a fault';
}

/** What `keepalived -t` ends with where an include insists on what is not there. */
const INCLUDE_FAULT = 6;

beforeAll(() => {
  for (const index of PATTERNS.keys()) {
    const place = (name: string) => join(directory, `p${index}`, name);
    for (const name of ['', 'sub']) mkdirSync(place(name));
    for (const name of ['a', 'b', 'run', 'secret', 'sub/c'])
      writeFileSync(place(`${name}.conf`), `read_${index}_${name.replace('/', '_')}\n`);
    chmodSync(place('run.conf'), 0o755);
    chmodSync(place('secret.conf'), 0o600);
    chownSync(place('secret.conf'), SOMEBODY, SOMEBODY);
    symlinkSync('a.conf', place('link.conf'));
    symlinkSync('nowhere', place('dangling.conf'));
    execFileSync('mkfifo', [place('pipe.conf')]);
  }
});

afterAll(() => rmSync(directory, { recursive: true }));

describe('an include', () => {
  const needed = new Set<object>();

  it.each(forms)('$title reads the same files and finds fault with the same lines', (form) => {
    const head = ['global_defs {', ' router_id a', ...(form.check === undefined ? [] : form.check.split('\n')), '}'];
    const line = (pattern: string, index: number) => {
      const path = join(directory, `p${index}`);
      return `${form.keyword} ${pattern.includes('@') ? pattern.replace('@', path) : `p${index}/${pattern}`}`;
    };
    const lines = PATTERNS.map(line);
    const write = (some: readonly string[]) =>
      writeFileSync(join(directory, MAIN), `${[...head, ...some].join('\n')}\n`);
    write(lines);
    const whole = run(form, 'keepalived', ['-t', '-f', MAIN]);
    const ours = ourVerdicts(run(form, AGENT, ['-t', '--json', '-f', MAIN]).output, head.length);
    const theirs = lines.map((one, index): Verdict => {
      const read = readBy(index, whole.output.matchAll(/Unknown keyword '(read_\S+)'/g));
      // Where it found the file before unreadable it names the line of that.
      const place = `\\((?:${MAIN}: )?Line ${head.length + 1 + index}\\)|'\\S*\\bp${index}/`;
      const told = whole.output.split('\n').filter((text) => !text.includes('Unknown keyword'));
      if (!told.some((text) => new RegExp(place).test(text))) return { read, found: 'nothing' };
      // The message is the same; the code of this line alone tells.
      write([one]);
      const { code } = run(form, 'keepalived', ['-t', '-f', MAIN]);
      return { read, found: code === INCLUDE_FAULT ? 'a fault' : 'something' };
    });
    for (const [index, pattern] of PATTERNS.entries()) {
      const what = `${lines[index]} (${form.title})`;
      const explained = DIFFERENCES.find((one) => one.pattern.test(pattern) && one.form.test(form.title));
      if (explained === undefined) {
        expect.soft(ours[index], what).toEqual(theirs[index]);
        continue;
      }
      needed.add(explained);
      expect.soft(ours[index], `${what}: no difference any more`).not.toEqual(theirs[index]);
    }
  });

  it('has no explanation that nothing needs', () => {
    expect(DIFFERENCES.filter((one) => !needed.has(one))).toEqual([]);
  });
});

function run({ options = [], bounded }: Form, program: string, words: readonly string[]) {
  const prefix = bounded ? ['setpriv', ...['bounding-set', 'inh-caps'].map((set) => `--${set}=${WITHOUT}`)] : [];
  const [command = '', ...args] = [...prefix, program, ...words, ...options];
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: directory, encoding: 'utf8', timeout });
  if (error !== undefined) throw error;
  return { code: status, output: `${stdout}${stderr}` };
}

interface Finding {
  readonly file: string;
  readonly line: number;
  readonly severity: string;
}

function ourVerdicts(output: string, headLines: number): readonly Verdict[] {
  const { diagnostics } = JSON.parse(output) as { diagnostics: readonly Finding[] };
  const ofIncludes = diagnostics.filter(({ file }) => file.endsWith(MAIN));
  return PATTERNS.map((_, index) => {
    const found = ofIncludes.filter(({ line }) => line === headLines + 1 + index);
    return {
      read: readBy(index, output.matchAll(/unknown keyword \\"(read_\w+)\\"/g)),
      found: found.some(({ severity }) => severity === 'error')
        ? 'a fault'
        : found.length > 0
          ? 'something'
          : 'nothing',
    };
  });
}

function readBy(index: number, marks: Iterable<RegExpExecArray>): readonly string[] {
  const prefix = `read_${index}_`;
  const names = Array.from(marks, ([, mark = '']) => mark).filter((mark) => mark.startsWith(prefix));
  return [...new Set(names)].map((name) => name.slice(prefix.length)).sort();
}
