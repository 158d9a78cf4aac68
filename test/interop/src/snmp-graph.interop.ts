import { readFileSync } from 'node:fs';
import { runInGuest } from '@keepfleet/test-lab';
import { beforeAll, describe, expect, it } from 'vitest';

// The article's graph: connections over IPv4 and IPv6, from the agent by way of snmpd to rrdtool. Its own script
// (lab-keepalived-snmp/rrd in vincentbernat/network-lab) is not ours to copy and takes ten minutes; KEEPFLEET_RRD_SCRIPT
// names a copy that is run as it is.

interface Graph {
  readonly begin: number;
  /** Time and both rates, one after the other. */
  readonly rates: readonly number[];
  readonly said: string;
  readonly picture: readonly number[];
  /** Before, and after each interval: as ipvsadm has them. */
  readonly kernel: readonly string[];
  readonly exposed: readonly (string | undefined)[];
}

interface Script {
  readonly code: number;
  readonly output: string;
  readonly picture: readonly number[];
}

const script = process.env['KEEPFLEET_RRD_SCRIPT'];
let output = '';
let seen: unknown[] = [];

beforeAll(
  async () => {
    ({ output } = await runInGuest('exec node test/interop/src/snmp-graph-guest.ts', {
      timeout: script === undefined ? 580_000 : 3_000_000,
      megabytes: 768,
      files: script === undefined ? {} : { rrd: readFileSync(script, 'utf8') },
    }));
    seen = output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as unknown] : []));
  },
  script === undefined ? 600_000 : 3_100_000,
);

describe("the article's graph", () => {
  it('has the rates of both families, of counters that Prometheus has too', () => {
    const graph = seen.find((one): one is Graph => typeof one === 'object' && one !== null && 'rates' in one);
    if (graph === undefined) throw new Error(output);
    const counts = graph.kernel.map((text) => text.split(':').map(Number));
    const rows = counts.slice(1).map((after, i) => {
      const [four = NaN, six = NaN] = after.map((count, family) => (count - (counts[i]?.[family] ?? NaN)) / 10);
      return [graph.begin + 10 * (i + 1), four, six];
    });
    const drawn = rows.map((_, i) => graph.rates.slice(3 * i, 3 * i + 3));
    expect(drawn, output).toEqual(rows);
    const most = Math.max(...rows.map(([, four = NaN]) => four));
    expect(most).toBeGreaterThan(0.1);
    expect(graph.said).toContain(most.toFixed(2));
    expect(graph.picture.map((side) => side > 100)).toEqual([true, true]);
    expect(graph.exposed.join(':')).toBe(graph.kernel.at(-1));
  });

  it.runIf(script)('is drawn by the script as it is', () => {
    const { code, output: said, picture } = seen[1] as Script;
    expect(code, said).toBe(0);
    const counts = [...said.matchAll(/^\d+ Got (\d+):(\d+)$/gm)].map(([, four, six]) => [Number(four), Number(six)]);
    expect(counts).toHaveLength(60);
    const [first, last] = [counts.at(0), counts.at(-1)];
    for (const family of [0, 1]) expect(last?.[family]).toBeGreaterThan((first?.[family] ?? 0) + 60);
    expect(picture.map((side) => side > 100)).toEqual([true, true]);
    process.stdout.write(said);
  });
});
