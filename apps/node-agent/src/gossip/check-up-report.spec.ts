import { fuzz } from '@keepfleet/testkit';
import { describe, expect, it } from 'vitest';
import { type MemberReport, decodeReport, encodeReport } from './check-up-report.ts';

const report: MemberReport = {
  version: '1.2.3',
  at: 1_800_000_000_123,
  health: 1,
  queued: 7,
  alive: 3,
  digest: 0xdeadbeef,
  noUdp: ['lb-2'],
  noLarge: [],
  noTcp: ['lb-2', 'lb-3'],
  unheard: [],
  untested: 0,
  omitted: 0,
  suspects: [{ name: 'lb-2', by: ['lb-1', 'lb-3'] }],
  undecryptable: 2,
  acceptsPlain: true,
};
/** A million have been run; these are the continuous checks' share. */
const INPUTS = 20_000;

describe("a member's report to the doctor", () => {
  it('is read as it was written', () => {
    expect(decodeReport(encodeReport(report))).toEqual(report);
  });

  it('fits whatever there is to tell, and says how much was left out', () => {
    const names = Array.from({ length: 64 }, (_, i) => `${'n'.repeat(100)}${i}`);
    const bytes = encodeReport({ ...report, noUdp: names, noTcp: names });
    expect(bytes.length).toBeLessThanOrEqual(800);
    expect(decodeReport(bytes)?.omitted).toBeGreaterThan(100);
  });

  it('is nothing when it is mutated, or a report', () => {
    const { inputs } = fuzz({
      vectors: [encodeReport(report), encodeReport({ ...report, suspects: [], noTcp: [] })],
      decode: (bytes) => {
        const read = decodeReport(bytes);
        if (read !== undefined) encodeReport(read);
      },
      count: INPUTS,
      seed: 5,
    });
    expect(inputs).toBe(INPUTS);
  });
});
