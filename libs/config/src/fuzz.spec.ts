import { readFileSync, readdirSync } from 'node:fs';
import { mutatedText, seededRandom } from '@keepfleet/testkit';
import { describe, expect, it } from 'vitest';
import { diffConfigs, isEmptyDiff, meaningText, parseKeepalivedConfig, writeKeepalivedConfig } from './index.ts';

// A slice of `npm run soak config-lines`, which takes real files too.

const SAMPLES = new URL('../samples/', import.meta.url);
const sources = readdirSync(SAMPLES)
  .filter((name) => name.endsWith('.conf'))
  .sort()
  .map((name) => readFileSync(new URL(name, SAMPLES), 'utf8').split('\n'));
const limits = { expandedLines: 2_000 };
const parse = (text: string) => parseKeepalivedConfig({ file: 'f', text, limits });

describe('mutated lines of a configuration', () => {
  it('are read to a model that is written and read again as the same', () => {
    const random = seededRandom(7);
    for (let i = 0; i < 150; i++) {
      const text = mutatedText(sources, 60, random);
      const { config } = parse(text);
      const written = writeKeepalivedConfig(config, text);
      expect(isEmptyDiff(diffConfigs(config, parse(written).config)), JSON.stringify(text)).toBe(true);
    }
  });
});

describe('a text without measure', () => {
  const places = 20_000;
  it.each([
    ['blocks in blocks', 'a {\n'.repeat(places)],
    ['blocks in blocks on one line', `${'a { '.repeat(200)}\n`.repeat(100)],
    ['closing braces', '}\n'.repeat(places)],
    ['quotes', `${'"'.repeat(900)}\n`.repeat(100)],
    ['a sequence without end', '~SEQ(i, 1, 4000000000) x $i\n'],
    ['sequences in sequences', '~SEQ(a, 99999) ~SEQ(b, 99999) ~SEQ(c, 99999) x\n'],
    ['a list that doubles', `$A=$B$B\n$B=$C$C\n$C=$D$D\n$D=$A$A\nx $A\n`],
    ['names that are nested', `x ${'${A'.repeat(200)}\n`],
    ['one long line', 'x'.repeat(1_000_000)],
    ['includes of itself', 'include f\n'.repeat(200)],
    ['alternatives', `include ${'{a,b}'.repeat(100)}\n`],
  ])(
    'of %s is read to its end',
    (_what, text) => {
      const loader = { load: () => [{ path: 'f', text }] };
      const limits = { expandedLines: 5_000, includes: 200 };
      const { diagnostics } = parseKeepalivedConfig({ file: 'f', text, loader, limits });
      expect(diagnostics.length).toBeGreaterThan(0);
      expect(diagnostics.length).toBeLessThan(2_100);
    },
    120_000,
  );
});

describe('a shuffled, re-spaced, re-commented file', () => {
  it('means the same in another order of its keywords', () => {
    const lines = [
      'interface eth0',
      'virtual_router_id 7',
      'priority 9',
      'advert_int 3',
      'nopreempt',
      'garp_master_delay 2',
    ];
    const text = (order: readonly string[]) => `vrrp_instance V {\n${order.join('\n')}\n}\n`;
    const random = seededRandom(5);
    for (let i = 0; i < 50; i++) {
      const shuffled = lines.map((line) => ({ line, at: random() })).sort((a, b) => a.at - b.at);
      const written = (order: readonly string[]) => meaningText(parse(text(order)).config);
      expect(written(shuffled.map(({ line }) => line))).toBe(written(lines));
    }
  });

  it.each(sources.map((lines, i) => [i, lines] as const))(
    'means the same in another order of its blocks: sample %i',
    (_, lines) => {
      // Written out: definitions count from where they stand on.
      const before = parse(lines.join('\n')).config;
      const blocks = topBlocks(writeKeepalivedConfig(before).split('\n'));
      expect(blocks.length).toBeGreaterThan(3);
      const random = seededRandom(11);
      for (let i = 0; i < 10; i++) {
        const shuffled = blocks.map((block) => ({ block, at: random() })).sort((a, b) => a.at - b.at);
        const { config } = parse(shuffled.map(({ block }) => block).join('\n'));
        expect(diffConfigs(before, config)).toEqual(diffConfigs(before, before));
        expect(meaningText(config)).toBe(meaningText(before));
      }
    },
  );

  it('means the same in another order of blocks of one kind', () => {
    const kinds = [
      (n: number) => `garp_group {\n interface eth${n}\n garp_interval 1\n}`,
      (n: number) => `vrrp_script s${n} {\n script /bin/true\n}`,
      (n: number) => `track_file f${n} {\n file /f${n}\n}`,
      (n: number) => `track_process p${n} {\n process x\n}`,
      (n: number) => `bfd_instance b${n} {\n neighbor_ip 192.0.2.${n}\n}`,
      (n: number) => `vrrp_instance v${n} {\n interface eth0\n virtual_router_id ${n}\n}`,
      (n: number) => `vrrp_sync_group g${n} {\n group {\n u${n}\n }\n}`,
      (n: number) => `track_group t${n} {\n group {\n v${n}\n }\n}`,
      (n: number) => `virtual_server_group w${n} {\n 192.0.2.${n} 80\n}`,
      (n: number) => `virtual_server 192.0.2.${n} 80 {\n protocol TCP\n real_server 192.0.2.9\n {\n }\n}`,
    ];
    const members = [1, 2, 3, 4].map((n) => `vrrp_instance u${n} {\n interface eth1\n virtual_router_id ${n}\n}`);
    for (const kind of kinds) {
      const [one, other] = (
        [
          [2, 4],
          [4, 2],
        ] as const
      ).map((order) =>
        meaningText(
          parse(
            [...members, ...kinds.map((any) => any(1)), ...order.map(kind), ...kinds.map((any) => any(3))].join('\n'),
          ).config,
        ),
      );
      expect(one).toBe(other);
      expect(one).not.toBe(meaningText(parse(kinds.map((any) => any(1)).join('\n')).config));
    }
  });

  it('means the same', () => {
    const random = seededRandom(3);
    const [first = []] = sources.slice(-1);
    const before = parseKeepalivedConfig({ file: 'f', text: first.join('\n'), configId: 'l1' }).config;
    for (let i = 0; i < 20; i++) {
      const text = first
        .map((line) => {
          const spaced = `${' '.repeat(Math.floor(random() * 9))}${line.trim().replaceAll(' ', random() < 0.5 ? '\t' : '   ')}`;
          return random() < 0.3 && !/["\\]/.test(line) ? `${spaced}   # ${String(random())}\n\n` : spaced;
        })
        .join('\n');
      const { config } = parseKeepalivedConfig({ file: 'f', text, configId: 'l1' });
      expect(isEmptyDiff(diffConfigs(before, config)), text).toBe(true);
      expect(meaningText(config)).toBe(meaningText(before));
    }
  });

  it('has another text of its meaning where the difference of the models is not empty', () => {
    const random = seededRandom(13);
    let different = 0;
    for (let i = 0; i < 100; i++) {
      const [one, other] = [
        parse(mutatedText(sources, 40, random)).config,
        parse(mutatedText(sources, 40, random)).config,
      ];
      if (isEmptyDiff(diffConfigs(one, other))) continue;
      different++;
      expect(meaningText(one)).not.toBe(meaningText(other));
    }
    expect(different).toBeGreaterThan(30);
  });
});

/** The parts of a file that begin at its top level, each with what it encloses. */
function topBlocks(lines: readonly string[]): string[] {
  const blocks: string[][] = [[]];
  let depth = 0;
  for (const line of lines) {
    blocks.at(-1)?.push(line);
    const code = line.replace(/[#!].*$/, '').replace(/"[^"]*"/g, '');
    depth += code.split('{').length - code.split('}').length;
    if (depth === 0 && code.includes('}')) blocks.push([]);
  }
  return blocks.map((block) => block.join('\n'));
}
