import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../log.ts';
import { type Owned, Ownership, nothingOwned } from './ownership.ts';

let directory = '';
const log = createLog('lvs', 'silent');
const warn = vi.spyOn(log, 'warn');
const ownership = () => new Ownership(directory, log);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-ownership-'));
  warn.mockClear();
});
afterEach(() => rmSync(directory, { recursive: true }));

const owned = (service: string): Owned => ({
  services: [service],
  options: { daemons: ['backup'], timeouts: { tcp: 900, tcpFin: 120, udp: 300 } },
  marks: { first: 1000, given: { 'tcp WEB': 1001 }, tables: ['keepalived_ipvs'] },
});

describe('the list of own services', () => {
  it('is there for the next process', () => {
    ownership().write(owned('tcp/192.0.2.1:80'));
    expect(ownership().read()).toEqual(owned('tcp/192.0.2.1:80'));
  });

  it('of an older version has services only', () => {
    writeFileSync(join(directory, 'lvs-services.json'), '{"services":["fwmark/7"]}');
    expect(ownership().read()).toEqual({ ...nothingOwned, services: ['fwmark/7'] });
  });

  it('of one before nftables_ipvs has no marks', () => {
    const older = { ...owned('fwmark/7'), marks: undefined };
    writeFileSync(join(directory, 'lvs-services.json'), JSON.stringify(older));
    expect(ownership().read()).toEqual({ ...older, marks: nothingOwned.marks });
  });

  it('is empty where it is missing, and where it is damaged, which is told', () => {
    expect(ownership().read()).toEqual(nothingOwned);
    expect(warn).not.toHaveBeenCalled();
    writeFileSync(join(directory, 'lvs-services.json'), '{"services":["tcp');
    expect(ownership().read()).toEqual(nothingOwned);
    expect(warn).toHaveBeenCalledOnce();
    writeFileSync(
      join(directory, 'lvs-services.json'),
      JSON.stringify({ ...owned('a'), marks: { first: 0, given: { A: -1 }, tables: [7] } }),
    );
    expect(ownership().read()).toEqual(nothingOwned);
  });

  it('that cannot be written ends nothing and is told once', () => {
    const blocker = join(directory, 'lvs-services.json.new');
    mkdirSync(blocker);
    const list = ownership();
    list.write(owned('a'));
    list.write(owned('b'));
    expect(warn).toHaveBeenCalledOnce();
    rmSync(blocker, { recursive: true });
    list.write(owned('c'));
    expect(ownership().read()).toEqual(owned('c'));
  });
});
