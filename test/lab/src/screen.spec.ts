import { describe, expect, it } from 'vitest';
import { changes, screen } from './screen.ts';
import type { HostStatus, LabStatus } from './status.ts';

function director(name: string, weights: Record<string, number> = {}): HostStatus {
  const servers = Object.entries(weights).map(([address, weight]) => ({
    address,
    port: 80,
    weight,
    active: 2,
    inactive: 0,
  }));
  return {
    name,
    role: 'director',
    state: 'up',
    processes: [{ name: 'vrrp', pid: 10, alive: true }],
    services: [],
    ipvs: [{ protocol: 'TCP', address: '198.51.100.15', port: 80, scheduler: 'rr', servers }],
  };
}

function status(owner: string[], hosts: HostStatus[], faults: string[] = []): LabStatus {
  return {
    state: 'ready',
    kernel: 'guests',
    why: 'no ip_vs',
    ipvs: true,
    startedAt: '2026-11-22T20:00:00.000Z',
    phases: [],
    firstAnswerMilliseconds: 12_345,
    owners: [{ address: '198.51.100.15', owners: owner }],
    hosts,
    faults,
    controller: { rest: 'http://127.0.0.1:7480', api: '127.0.0.1:7481' },
  };
}

describe('screen', () => {
  it('shows owner, processes and the real servers of the owner', () => {
    const lines = screen(status(['L2'], [director('L1'), director('L2', { '192.168.1.11': 7 })]), []);
    expect(lines[0]).toContain('first answer after 12.3 s');
    expect(lines).toContain('  198.51.100.15   L2');
    expect(lines).toContain('  L1      up       runs  -     -        -');
    expect(lines).toContain('  198.51.100.15 80    rr  W2 w7 c2');
  });

  it('names two owners and none as what they are', () => {
    expect(screen(status(['L1', 'L2'], []), [])).toContain('  198.51.100.15   L1 and L2: more than one');
    expect(screen(status([], []), [])).toContain('  198.51.100.15   nobody');
  });

  it('stays within the width of the terminal', () => {
    for (const line of screen(status(['L1'], [], ['x'.repeat(300)]), [], 60))
      expect(line.length).toBeLessThanOrEqual(60);
  });
});

describe('changes', () => {
  it('tells moves, weights, servers that go, and faults', () => {
    const before = status(['L1'], [director('L1', { '192.168.1.10': 1, '192.168.1.11': 1 }), director('L2')]);
    const after = status(['L1'], [director('L1', { '192.168.1.10': 0 }), director('L2')], ['L3 is dead']);
    expect(changes(before, after)).toEqual([
      'L3 is dead',
      'W1 for 198.51.100.15: weight 0',
      'W2 for 198.51.100.15: no longer served',
    ]);
    expect(changes(after, before)).toContain('over: L3 is dead');
    expect(changes(status(['L1'], []), status(['L2'], []))).toEqual(['198.51.100.15: L1 → L2']);
    expect(changes(before, before)).toEqual([]);
  });
});
