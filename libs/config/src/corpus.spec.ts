import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Diagnostic, type ParseResult, parseKeepalivedConfig } from './index.ts';

/**
 * Real files of others with what keepalived 2.2.7 said to each. They are not ours to keep in the project, so these tests
 * need the directory beside the checkout, or its path in KEEPFLEET_CORPUS.
 */
const CORPUS = process.env['KEEPFLEET_CORPUS'] ?? fileURLToPath(new URL('../../../../shared/corpus/', import.meta.url));

/** Files that keepalived finds fault with and we do not, or the other way round. */
const DEVIATIONS: Readonly<Record<string, string>> = {
  '004': 'whether a route can be tracked is not looked at yet',
  '014': 'the script is not on the host that made the verdict',
  '018': 'the script is not on the host that made the verdict',
  '090': 'we say that the 1 of "nopreempt 1" has no effect',
  '104': 'the script is not on the host that made the verdict',
  '107': 'we say that includes match nothing, as warnings',
  '116': 'the script is not on the host that made the verdict',
  '120': 'keepalived reports the unknown keyword too, but exits with 0',
  '124': 'its host has no iptables',
  '133': 'the script is not on the host that made the verdict',
  '140': 'an interface is not looked up by the parser',
};

interface Verdict {
  readonly exitCode: number;
  /** Lines with an unknown keyword, in files without other trouble before it. */
  readonly firstUnknown: number | undefined;
}

function verdictOf(id: string): Verdict {
  const text = readFileSync(`${CORPUS}/expect-ifs/${id}.txt`, 'utf8');
  const first = /^--- stderr.*\n(.*)$/m.exec(text)?.[1] ?? '';
  const line = /^\((?:\d+\.conf: )?Line (\d+)\) Unknown keyword/.exec(first)?.[1];
  return {
    exitCode: Number(/^exit_code: (\d+)$/m.exec(text)?.[1]),
    firstUnknown: line === undefined ? undefined : Number(line),
  };
}

/** One of the files stands for 30,000 real servers, so each is read once. */
const parsed = new Map<string, ParseResult>();

function parse(id: string): ParseResult {
  const known = parsed.get(id);
  if (known !== undefined) return known;
  const result = parseKeepalivedConfig({ file: `${id}.conf`, text: readFileSync(`${CORPUS}/${id}.conf`, 'utf8') });
  parsed.set(id, result);
  return result;
}

function findings(id: string): readonly Diagnostic[] {
  return parse(id).diagnostics.filter(({ kind }) => kind !== 'not-implemented');
}

const TIMEOUT = 60_000;

const ids = existsSync(CORPUS) ? readdirSync(CORPUS).flatMap((name) => /^(\d+)\.conf$/.exec(name)?.[1] ?? []) : [];

// Without the directory there is nothing to say, and so no test that says it.
if (ids.length > 0) {
  describe('real configuration files', () => {
    it.each(ids)(
      '%s is judged as keepalived judges it',
      (id) => {
        const { exitCode } = verdictOf(id);
        const found = findings(id);
        const agrees =
          exitCode === 0
            ? found.length === 0
            : exitCode === 2
              ? found.some(({ severity }) => severity === 'error')
              : // 6 is about the safety of scripts on that host and says nothing of the language.
                exitCode === 6 || found.length > 0;
        expect(agrees, JSON.stringify(found.slice(0, 3))).toBe(!Object.hasOwn(DEVIATIONS, id));
      },
      TIMEOUT,
    );

    // 051 is not here: keepalived makes words of the backslashes that end its comments.
    it.each(ids.filter((id) => verdictOf(id).firstUnknown !== undefined && id !== '051'))(
      '%s has its first unknown keyword where keepalived has it',
      (id) => {
        const [first] = findings(id).filter(({ kind }) => kind === 'unknown-keyword');
        expect(first?.line).toBe(verdictOf(id).firstUnknown);
      },
    );

    it(
      'are read to typed instances and servers',
      () => {
        const all = ids.map((id) => parse(id).config);
        expect(all.flatMap(({ vrrpInstances }) => vrrpInstances).length).toBeGreaterThan(100);
        expect(all.flatMap(({ virtualServers }) => virtualServers).length).toBeGreaterThan(300);
      },
      TIMEOUT,
    );
  });
} else {
  it('real configuration files lie beside the checkout or in KEEPFLEET_CORPUS; without them their tests are none', () => {
    expect(existsSync(CORPUS)).toBe(false);
  });
}
