import { mutatedText, seededRandom } from '@keepfleet/testkit';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commentStart } from '../syntax/comment.ts';
import { diffConfigs, isEmptyDiff, parseKeepalivedConfig, writeKeepalivedConfig } from '../index.ts';

const read = (text: string) => parseKeepalivedConfig({ file: 't', text }).config;
const formatted = (text: string) => writeKeepalivedConfig(read(text), text);

describe('comments', () => {
  const text = `! of ours

global_defs { # all
 router_id x   # its name
 # no more
}
vrrp_instance V {
 interface eth0
 virtual_router_id 7 ! chosen
 # which
 virtual_ipaddress {
  192.0.2.1 # the service
  # 192.0.2.2
 }
}
# the end`;

  it('go where their lines went', () => {
    const lines = formatted(text)
      .split('\n')
      .map((line) => line.trim());
    expect(lines[0]).toBe('! of ours');
    expect(lines).toContain('global_defs { # all');
    expect(lines).toContain('router_id x # its name');
    expect(lines).toContain('virtual_router_id 7 ! chosen');
    expect(lines[lines.indexOf('# which') + 1]).toBe('virtual_ipaddress {');
    expect(lines).toContain('192.0.2.1/32 # the service');
    expect(lines[lines.indexOf('# 192.0.2.2') + 1]).toBe('}');
    expect(lines.at(-2)).toBe('# the end');
  });

  it('stay where they are when they are written again', () => {
    const once = formatted(text);
    expect(formatted(once)).toBe(once);
  });

  it('of lines that are gone stay in their block', () => {
    const lines = formatted('global_defs {\n router_id x\n nonsense # why\n}\n').split('\n');
    expect(lines.indexOf('    # why')).toBe(lines.indexOf('}') - 1);
  });

  it('are all there, and change nothing, whatever the text is', () => {
    const sample = new URL('../../samples/pair.conf', import.meta.url);
    const random = seededRandom(11);
    const sources = [text, readFileSync(sample, 'utf8')].map((one) => one.split('\n'));
    for (let i = 0; i < 150; i++) {
      const source = mutatedText(sources, 50, random);
      const config = read(source);
      const written = writeKeepalivedConfig(config, source);
      expect(isEmptyDiff(diffConfigs(config, read(written))), JSON.stringify(source)).toBe(true);
      for (const line of source.split('\n')) {
        const start = commentStart(line);
        if (start !== undefined) expect(written, JSON.stringify(source)).toContain(line.slice(start).trim());
      }
    }
  });
});
