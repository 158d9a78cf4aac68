import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseKeepalivedConfig } from '@keepfleet/config';
import { afterAll, describe, it } from 'vitest';

// What ~SEQ, ~SEQx and ~LST write out, beside Debian's keepalived: both name the words of each line as unknown keywords.

const CASES = [
  ...['~SEQ(i,3) w${i}', '~SEQ(i,0,3) w${i}', '~SEQ(i,3,0) w${i}', '~SEQ(i,-2,2) w${i}', '~SEQ(i,+1,3) w${i}'],
  ...['~SEQ(i,10,2,14) w${i}', '~SEQ(i,1,4,10) w${i}', '~SEQ(i,5,-2,1) w${i}', '~SEQ(i,1,-1,5) w${i}'],
  ...[
    '~SEQ(i,1,0,5) w${i}',
    '~SEQ(i,5,2,1) w${i}',
    '~SEQ(i) w${i}',
    '~SEQ(i,1,2,3,4) w${i}',
    '~SEQ( i , 1 , 3 ) w${i}',
  ],
  ...['~SEQ (i,2) w${i}', '~SEQ(i,2)w${i}', '~SEQ(i,0x9,0XC) w${i}', '~SEQ(i,0x,2) w${i}', '~SEQ(i,010,012) w${i}'],
  ...['~SEQ(i,08,9) w${i}', '~SEQ(i,-010,-0x6) w${i}', '$N=3\n~SEQ(i,$N) w${i}', '$N=3\n~SEQ(i,2,${N}) w${i}'],
  ...['~SEQx(i,9,12) w${i}', '~SEQx(i,0xfe,0x101) w${i}', '~SEQx(i,10,-1,8) w${i}', '~SEQx(i,0,1) w${i}'],
  ...['~SEQx(i,-2,2) w${i}', '~SEQx(i,2,-1) w${i}', '~SEQ(i,2) ~SEQx(j,10,11) w${i}${j}'],
  ...['~LST(a,x,y) w${a}', '~LST(a,,b) w${a}', '~LST(a,) w${a}', '~LST(a) w${a}', '~LST({a,b},{1,2},{3}) w${a}_${b}'],
  ...['~LST({a,b},1,2) w${a}_${b}', '~LST({a,b},{1,2,3}) w${a}', '~LST({a},{1,2}) w${a}', '~LST(a,{1,2},3) w${a}'],
  ...['~LST({a,b}) w${a}', '~SEQ(i,2) ~LST(a,x,y) w${i}${a}', '~LST(a,x,y) ~SEQ(i,2) w${i}${a}'],
];

/** Where the two differ, and why. */
const EXPLAINED: Readonly<Record<string, string>> = {
  '~SEQ(i,,2) w${i}': 'a number that is left out between commas is a mistake here, and 0 there',
  '~LST(a,"x y",z) w${a}': 'values may have blanks here',
  '~SEQ(1i,2) w': 'a name that nothing can use is a mistake here',
};

const directory = mkdtempSync(join(tmpdir(), 'kf-repeats-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('a repetition', () => {
  for (const text of CASES)
    it(`${JSON.stringify(text)} makes the same lines as in keepalived`, () => {
      assert.deepEqual(ours(text), theirs(text));
    });

  for (const [text, why] of Object.entries(EXPLAINED))
    it(`${JSON.stringify(text)} is another thing, since ${why}`, () => {
      assert.notDeepEqual(ours(text), theirs(text));
    });
});

/** The words that lines begin with, or that there is a mistake. */
function ours(text: string): readonly string[] | 'a mistake' {
  const { diagnostics } = parseKeepalivedConfig({ file: 'f', text: `${text}\n` });
  if (diagnostics.some(({ kind }) => kind === 'bad-repeat')) return 'a mistake';
  return diagnostics.map(({ message }) => /^unknown keyword "(.*)" is skipped/.exec(message)?.[1] ?? message);
}

function theirs(text: string): readonly string[] | 'a mistake' {
  const file = join(directory, 'keepalived.conf');
  writeFileSync(file, `${text}\n`);
  const { stdout, stderr } = spawnSync('keepalived', ['-t', '-f', file], { encoding: 'utf8', timeout: 60_000 });
  const output = `${stdout}${stderr}`;
  if (/Invalid ~(SEQ|LST)/.test(output)) return 'a mistake';
  // Every process of it prints its own; only the first names no file.
  return Array.from(output.matchAll(/^\(Line \d+\) Unknown keyword '(.*)'$/gm), ([, word = '']) => word);
}
