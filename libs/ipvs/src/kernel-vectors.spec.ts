import { unhex } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import vectors from '../vectors/kernel-6.1.json' with { type: 'json' };
import { decodeDestination, decodeInfo, decodeService, noTraffic } from './index.ts';

// Checked by hand against the table of ipvsadm that stands beside them. If these have to change, the code is wrong.
describe('an answer of the real kernel', () => {
  it('has the version', () => {
    expect(decodeInfo(unhex(vectors.info))).toEqual({
      ok: true,
      value: { version: '1.2.1', connectionTableSize: 4096 },
    });
  });

  it.each(vectors.services)('is the service $value.id', ({ hex, value, destinations }) => {
    const service = decodeService(unhex(hex));
    expect(service).toEqual({ ok: true, value: { ...value, traffic: noTraffic } });
    if (!service.ok) return;
    for (const destination of destinations) {
      expect(decodeDestination(unhex(destination.hex), service.value.id)).toEqual({
        ok: true,
        value: { ...destination.value, traffic: noTraffic },
      });
    }
  });

  it('cut short anywhere is an error', () => {
    for (const { hex } of vectors.services) {
      const bytes = unhex(hex);
      for (let end = 0; end < bytes.length; end++) expect(decodeService(bytes.subarray(0, end)).ok).toBe(false);
    }
  });
});
