import { hex, ip, unhex } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import {
  type KernelOptionSettings,
  type LvsEvent,
  type OptionsInput,
  OptionsKeeper,
  type SyncDaemon,
  type Timeouts,
  decodeDaemon,
  decodeTimeouts,
  describeOption,
  encodeOption,
  untouchedOptions,
} from './index.ts';

const timeouts = { tcp: 900, tcpFin: 120, udp: 300 };
const settings = {
  interface: 'eth1',
  syncId: 7,
  maxLength: null,
  group: ip('224.0.0.81'),
  port: 8848,
  ttl: 1,
  instance: null,
};
const unset = untouchedOptions;

/** A keeper in front of a kernel that does all it is told. */
class Node {
  timeouts: Timeouts = timeouts;
  daemons: readonly SyncDaemon[] = [];
  left: unknown;
  operations: string[] = [];
  events: string[] = [];
  readonly keeper = new OptionsKeeper();

  handle(input: OptionsInput): void {
    for (const output of this.keeper.handle(input)) {
      if (output.kind === 'leave') this.left = output.left;
      if (output.kind === 'event') this.events.push(output.event.kind);
      if (output.kind !== 'apply-options') continue;
      for (const operation of output.operations) {
        this.operations.push(describeOption(operation));
        if (operation.kind === 'set-timeouts') {
          const { tcp, tcpFin, udp } = operation.timeouts;
          const { timeouts: now } = this;
          this.timeouts = { tcp: tcp || now.tcp, tcpFin: tcpFin || now.tcpFin, udp: udp || now.udp };
        } else {
          this.daemons = this.daemons.filter(({ state }) => state !== operation.daemon.state);
          if (operation.kind === 'start-daemon') this.daemons = [...this.daemons, operation.daemon];
        }
        this.handle({ kind: 'done', operation });
      }
    }
  }

  read(): void {
    this.handle({ kind: 'actual', timeouts: this.timeouts, daemons: this.daemons });
  }

  configure(options: Partial<KernelOptionSettings>): void {
    this.handle({ kind: 'configure', settings: { ...unset, ...options } });
  }
}

describe('connection synchronisation', () => {
  it('without an instance runs as master and backup, and is left alone while it is right', () => {
    const node = new Node();
    node.configure({ syncDaemon: settings });
    expect(node.operations).toEqual([]);
    node.read();
    node.read();
    expect(node.operations).toEqual([
      'start the master sync daemon on eth1 with id 7',
      'start the backup sync daemon on eth1 with id 7',
    ]);
    expect(node.left).toEqual({ daemons: ['master', 'backup'], timeouts: null });
    expect(node.events).toEqual(['sync-daemon-started', 'sync-daemon-started']);
  });

  it('follows its instance, and stays as it is while the state of the instance is not known', () => {
    const node = new Node();
    node.read();
    node.configure({ syncDaemon: { ...settings, instance: 'VI_1' } });
    expect(node.operations).toEqual([]);
    node.handle({ kind: 'masters', instances: [] });
    node.handle({ kind: 'masters', instances: ['VI_1'] });
    node.handle({ kind: 'masters', instances: ['VI_1'] });
    expect(node.operations).toEqual([
      'start the backup sync daemon on eth1 with id 7',
      'stop the backup sync daemon on eth1 with id 7',
      'start the master sync daemon on eth1 with id 7',
    ]);
  });

  it('that is configured otherwise is started anew, and one that died is started again', () => {
    const node = new Node();
    node.read();
    node.configure({ syncDaemon: settings });
    node.operations = [];
    node.configure({ syncDaemon: { ...settings, ttl: 3 } });
    expect(node.operations.map((what) => what.split(' ')[0])).toEqual(['stop', 'stop', 'start', 'start']);
    node.daemons = [];
    node.operations = [];
    node.read();
    expect(node.operations).toHaveLength(2);
  });

  it('of others is not touched, ours ends with the configuration or at a release', () => {
    const others = new Node();
    others.read();
    others.configure({ syncDaemon: settings });
    const node = new Node();
    node.daemons = others.daemons;
    node.read();
    node.configure({});
    expect(node.operations).toEqual([]);
    others.configure({});
    expect(others.daemons).toEqual([]);

    const next = new Node();
    next.handle({ kind: 'left', left: { daemons: ['backup'], timeouts: null } });
    next.daemons = node.daemons;
    next.read();
    next.configure({});
    expect(next.daemons.map(({ state }) => state)).toEqual(['master']);
  });

  it('that is refused is tried again and again, told once, never as started, and shown with its place', () => {
    const { keeper } = new Node();
    let reason: string | undefined = 'ENODEV';
    let tries = 0;
    const handle = (input: OptionsInput): LvsEvent[] =>
      keeper.handle(input).flatMap((output) => {
        if (output.kind === 'event') return [output.event];
        if (output.kind !== 'apply-options') return [];
        tries += output.operations.length;
        return output.operations.flatMap((operation) =>
          handle(reason === undefined ? { kind: 'done', operation } : { kind: 'refused', operation, reason }),
        );
      });
    const places = { timeouts: null, syncDaemon: 'k.conf:2' };
    const configure = () =>
      handle({ kind: 'configure', settings: { ...unset, places, syncDaemon: { ...settings, instance: 'VI_1' } } });
    handle({ kind: 'actual', timeouts, daemons: [] });
    handle({ kind: 'masters', instances: ['VI_1'] });
    expect(configure()).toMatchObject([{ kind: 'operation-refused', reason: 'ENODEV', place: 'k.conf:2' }]);
    // None of these takes it for started, nor for over.
    for (const input of [
      { kind: 'masters', instances: ['VI_1', 'VI_2'] },
      { kind: 'actual', timeouts, daemons: [] },
    ] as const)
      expect(handle(input)).toEqual([]);
    expect(configure()).toEqual([]);
    expect(tries).toBe(4);
    expect(keeper.report.syncDaemons).toEqual([]);
    expect(keeper.report.optionProblems).toEqual([
      'the kernel refused to start the master sync daemon on eth1 with id 7 (k.conf:2): ENODEV',
    ]);
    reason = undefined;
    expect(handle({ kind: 'actual', timeouts, daemons: [] })).toMatchObject([{ kind: 'sync-daemon-started' }]);
    expect(keeper.report.optionProblems).toEqual([]);
    expect(keeper.report.syncDaemons).toHaveLength(1);
  });
});

describe('the timeouts', () => {
  it('are set as far as they differ, and put back at a release', () => {
    const node = new Node();
    node.read();
    node.configure({ timeouts: { tcp: 600, tcpFin: 0, udp: 300 } });
    expect(node.operations).toEqual(['set the timeouts tcp 600 tcpfin 0 udp 0 (0 leaves one as it is)']);
    expect(node.left).toEqual({ daemons: [], timeouts });
    node.handle({ kind: 'release' });
    expect(node.timeouts).toEqual(timeouts);
    expect(node.left).toEqual({ daemons: [], timeouts: null });
  });
});

// Attribute numbers and widths of linux/ip_vs.h, written out by hand.
describe('on the wire', () => {
  const bytes = (text: string) => text.replace(/\s/g, '');

  it('a daemon has all that is set', () => {
    const daemon: SyncDaemon = { state: 'master', ...settings, maxLength: 1400 };
    const { command, payload } = encodeOption({ kind: 'start-daemon', daemon });
    expect(command).toBe(9);
    const daemonBytes = `4000 0380 0800 0100 01000000  0900 0200 65746831 00 000000  0800 0300 07000000
      0600 0400 7805 0000  0800 0500 e0000051  0600 0700 9022 0000  0500 0800 01 000000`;
    expect(hex(payload)).toBe(bytes(daemonBytes));
    const { interface: name, syncId, group, port, ttl } = settings;
    const decoded = { state: 'master', interface: name, syncId, maxLength: 1400, group, port, ttl };
    expect(decodeDaemon(payload)).toEqual({ ok: true, value: decoded });
  });

  it('a group may be of IPv6', () => {
    const group = ip('ff02::51');
    const daemon: SyncDaemon = { state: 'backup', ...settings, group };
    const decoded = decodeDaemon(encodeOption({ kind: 'start-daemon', daemon }).payload);
    expect(decoded).toMatchObject({ ok: true, value: { state: 'backup', group, maxLength: null } });
  });

  it('a stop names the state', () => {
    const { command, payload } = encodeOption({
      kind: 'stop-daemon',
      daemon: { state: 'backup', interface: 'e', syncId: 1 },
    });
    expect([command, hex(payload)]).toEqual([
      10,
      bytes('1c00 0380 0800 0100 02000000 0600 0200 6500 0000 0800 0300 01000000'),
    ]);
  });

  it('timeouts are three numbers of seconds', () => {
    const { command, payload } = encodeOption({ kind: 'set-timeouts', timeouts });
    expect([command, hex(payload)]).toEqual([12, bytes('0800 0400 84030000 0800 0500 78000000 0800 0600 2c010000')]);
    expect(decodeTimeouts(payload)).toEqual({ ok: true, value: timeouts });
  });

  it('cut short anywhere is an error', () => {
    const daemon: SyncDaemon = { state: 'master', ...settings };
    const { payload } = encodeOption({ kind: 'start-daemon', daemon });
    for (let end = 0; end < payload.length; end++) expect(decodeDaemon(payload.subarray(0, end)).ok).toBe(false);
    expect(decodeTimeouts(unhex('080004008403')).ok).toBe(false);
  });
});
