import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { diffConfigs, isEmptyDiff, parseKeepalivedConfig, writeKeepalivedConfig } from '@keepfleet/config';
import { mutatedText, seededRandom } from '@keepfleet/testkit';
import type { Soak } from '../soak.ts';

const SAMPLES = fileURLToPath(new URL('../../../../libs/config/samples', import.meta.url));
/** Real files of others, where they lie beside the checkout. */
const CORPUS =
  process.env['KEEPFLEET_CORPUS'] ?? fileURLToPath(new URL('../../../../../shared/corpus', import.meta.url));
const DEBIAN = '/usr/share/doc/keepalived/samples';

const LINES_A_TEXT = 60;
/** Definitions may stand for many more lines than there are. */
const EXPANDED_LINES = 5_000;
/** Writing and reading again costs as much as three readings. */
const WRITE_EVERY = 8;

export const soak: Soak = {
  about: 'lines of real configurations, mutated, through parser and writer',
  count: 1_000_000,
  unit: 'lines',
  run: ({ count, seed, progress, signal }) => {
    const random = seededRandom(seed);
    const sources = [SAMPLES, CORPUS, DEBIAN].flatMap((directory) =>
      existsSync(directory)
        ? readdirSync(directory)
            .filter((name) => name.includes('.conf'))
            .sort()
            .map((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
        : [],
    );
    let [done, texts, findings, slowest] = [0, 0, 0, 0];
    while (done < count && !signal.aborted) {
      const text = mutatedText(sources, LINES_A_TEXT, random);
      done += text.split('\n').length;
      const began = performance.now();
      try {
        const { config, diagnostics } = parse(text);
        slowest = Math.max(slowest, performance.now() - began);
        findings += diagnostics.length;
        for (const { line, column, message } of diagnostics)
          if (!(line >= 1 && column >= 1 && message !== '')) throw new Error(`a finding without a place: ${message}`);
        if (++texts % WRITE_EVERY === 0) {
          const written = writeKeepalivedConfig(config, text);
          if (!isEmptyDiff(diffConfigs(config, parse(written).config)))
            throw new Error(`what was written means another thing:\n${written}`);
        }
      } catch (cause) {
        throw new Error(`seed ${seed}, text ${texts}: ${JSON.stringify(text)}`, { cause });
      }
      if (texts % 20 === 0) progress(done);
    }
    const { heapUsed } = process.memoryUsage();
    return { texts, findings, 'slowest text ms': slowest.toFixed(1), 'heap MiB': Math.round(heapUsed / 2 ** 20) };
  },
};

function parse(text: string) {
  return parseKeepalivedConfig({ file: 'fuzz.conf', text, limits: { expandedLines: EXPANDED_LINES } });
}
