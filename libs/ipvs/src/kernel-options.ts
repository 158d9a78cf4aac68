import type { IpAddress } from '@keepfleet/wire';

/** Lifetimes of the kernel's connection entries without traffic, in whole seconds. 0 leaves a value as it is. */
export interface Timeouts {
  readonly tcp: number;
  readonly tcpFin: number;
  readonly udp: number;
}

export type SyncState = 'master' | 'backup';

/** Connection synchronisation: a master sends the connections of this node to a multicast group, a backup takes them. */
export interface SyncDaemonSettings {
  readonly interface: string;
  /** A backup takes the messages of this id only; a backup with id 0 those of all. */
  readonly syncId: number;
  /** Longest message in bytes; null leaves it to the kernel, which takes what the interface carries. */
  readonly maxLength: number | null;
  readonly group: IpAddress;
  readonly port: number;
  readonly ttl: number;
  /** The VRRP instance whose state it follows; null runs both, always. */
  readonly instance: string | null;
}

/** A daemon as the kernel has it. Kernels before 4.3 do not tell group, port and TTL. */
export interface SyncDaemon {
  readonly state: SyncState;
  readonly interface: string;
  readonly syncId: number;
  readonly maxLength: number | null;
  readonly group: IpAddress | null;
  readonly port: number | null;
  readonly ttl: number | null;
}

/** What the kernel has once and not for each service. */
export interface KernelOptionSettings {
  readonly timeouts: Timeouts;
  readonly syncDaemon: SyncDaemonSettings | null;
  /** Bytes of the netlink socket's receive buffer; null leaves the default. */
  readonly receiveBuffer: number | null;
  /** Where the configuration has them, `keepalived.conf:12`. */
  readonly places?: { readonly timeouts: string | null; readonly syncDaemon: string | null };
}

export const DEFAULT_SYNC_GROUP = '224.0.0.81';
export const DEFAULT_SYNC_PORT = 8848;
export const DEFAULT_SYNC_TTL = 1;

export const untouchedOptions: KernelOptionSettings = {
  timeouts: { tcp: 0, tcpFin: 0, udp: 0 },
  syncDaemon: null,
  receiveBuffer: null,
};

export type OptionOperation =
  | { readonly kind: 'set-timeouts'; readonly timeouts: Timeouts }
  | { readonly kind: 'start-daemon'; readonly daemon: SyncDaemon }
  | { readonly kind: 'stop-daemon'; readonly daemon: Pick<SyncDaemon, 'state' | 'interface' | 'syncId'> };

export function describeOption(operation: OptionOperation): string {
  switch (operation.kind) {
    case 'set-timeouts': {
      const { tcp, tcpFin, udp } = operation.timeouts;
      return `set the timeouts tcp ${tcp} tcpfin ${tcpFin} udp ${udp} (0 leaves one as it is)`;
    }
    case 'start-daemon':
    case 'stop-daemon': {
      const { state, interface: name, syncId } = operation.daemon;
      return `${operation.kind === 'start-daemon' ? 'start' : 'stop'} the ${state} sync daemon on ${name} with id ${syncId}`;
    }
  }
}

/** The states that a daemon should run in, or undefined while it is not known whether the instance is master. */
export function wantedSyncStates(
  settings: SyncDaemonSettings | null,
  masters: ReadonlySet<string> | undefined,
): readonly SyncState[] | undefined {
  if (settings === null) return [];
  if (settings.instance === null) return ['master', 'backup'];
  return masters && [masters.has(settings.instance) ? 'master' : 'backup'];
}

/** The operations from the daemons that run to those that should. `ours` are the states that an earlier plan started. */
export function planDaemons(
  settings: SyncDaemonSettings | null,
  wanted: readonly SyncState[],
  running: readonly SyncDaemon[],
  ours: ReadonlySet<SyncState>,
): OptionOperation[] {
  const stops: OptionOperation[] = [];
  const starts: OptionOperation[] = [];
  for (const daemon of running) {
    const stays = settings !== null && wanted.includes(daemon.state) && isAsWanted(daemon, settings);
    // Without lvs_sync_daemon in the configuration, one that somebody else started is his.
    if (!stays && (settings !== null || ours.has(daemon.state))) stops.push({ kind: 'stop-daemon', daemon });
  }
  for (const state of wanted) {
    if (settings === null || running.some((daemon) => daemon.state === state && isAsWanted(daemon, settings))) continue;
    starts.push({ kind: 'start-daemon', daemon: daemonOf(settings, state) });
  }
  return [...stops, ...starts];
}

/** The timeouts to set, 0 for those that are right; undefined when all are. */
export function missingTimeouts(wanted: Timeouts, actual: Timeouts): Timeouts | undefined {
  const missing = {
    tcp: wanted.tcp === actual.tcp ? 0 : wanted.tcp,
    tcpFin: wanted.tcpFin === actual.tcpFin ? 0 : wanted.tcpFin,
    udp: wanted.udp === actual.udp ? 0 : wanted.udp,
  };
  return missing.tcp + missing.tcpFin + missing.udp === 0 ? undefined : missing;
}

function daemonOf({ instance: _, ...settings }: SyncDaemonSettings, state: SyncState): SyncDaemon {
  return { state, ...settings };
}

function isAsWanted(daemon: SyncDaemon, settings: SyncDaemonSettings): boolean {
  const same = <T>(shown: T | null, wanted: T | null) => shown === null || wanted === null || shown === wanted;
  return (
    daemon.interface === settings.interface &&
    daemon.syncId === settings.syncId &&
    same(daemon.maxLength, settings.maxLength) &&
    same(daemon.group, settings.group) &&
    same(daemon.port, settings.port) &&
    same(daemon.ttl, settings.ttl)
  );
}
