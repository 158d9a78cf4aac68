import type {
  Check,
  Command,
  Connection,
  Forwarding,
  KeepalivedConfig,
  RealServer,
  VirtualServer,
} from '@keepfleet/config';
import type { CheckerSettings, ConnectionSettings, ScheduleSettings } from '@keepfleet/health';
import {
  DEFAULT_SYNC_GROUP,
  DEFAULT_SYNC_PORT,
  DEFAULT_SYNC_TTL,
  type Forwarding as ForwardingSettings,
  type GroupMember,
  type LvsSettings,
  type RealServerSettings,
  type ScriptSettings,
  type SyncDaemonSettings,
  type VirtualServerSettings,
  type VirtualServerTarget,
  untouchedOptions,
} from '@keepfleet/ipvs';
import { type Duration, micros } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';

const SECOND = 1_000_000;
const DEFAULT_CONNECT_TIMEOUT = 5 * SECOND;

/** What the lvs process is to do, before overrides. Checkers that nothing runs yet are left out; the parser says so. */
export function lvsSettings(config: KeepalivedConfig): LvsSettings<CheckerSettings> {
  const { globalDefs } = config;
  return {
    policy: {
      drift: globalDefs.lvsDrift,
      foreign: globalDefs.lvsForeign,
      flushAtStart: globalDefs.lvsFlush,
      flushAtStop: globalDefs.lvsFlushOnStop === 'everything',
    },
    kernel: {
      timeouts: globalDefs.lvsTimeouts ?? untouchedOptions.timeouts,
      syncDaemon: syncDaemonSettings(config),
      receiveBuffer: globalDefs.lvsReceiveBuffer || null,
    },
    groups: config.virtualServerGroups.map(({ name, members }) => ({
      name,
      members: members.map((member): GroupMember => {
        if (member.kind === 'fwmark') return { kind: 'fwmark', fwmark: member.mark, family: member.family ?? 'ipv4' };
        const { first, last, port } = member;
        return first === last ? { kind: 'address', address: first, port } : { kind: 'range', first, last, port };
      }),
    })),
    virtualServers: config.virtualServers.map(virtualServerSettings),
  };
}

/** Without an id that of its instance: two routers of one instance agree on it by themselves. */
export function syncDaemonSettings({ globalDefs, vrrpInstances }: KeepalivedConfig): SyncDaemonSettings | null {
  const { lvsSyncDaemon: daemon } = globalDefs;
  if (daemon === undefined) return null;
  const instance = vrrpInstances.find(({ name }) => name === daemon.instance);
  return {
    interface: daemon.interface,
    syncId: daemon.syncId ?? instance?.virtualRouterId ?? 0,
    maxLength: daemon.maxLength ?? null,
    group: daemon.group ?? ip(DEFAULT_SYNC_GROUP),
    port: daemon.port ?? DEFAULT_SYNC_PORT,
    ttl: daemon.ttl ?? DEFAULT_SYNC_TTL,
    instance: daemon.instance ?? null,
  };
}

function virtualServerSettings(server: VirtualServer): VirtualServerSettings<CheckerSettings> {
  const { timing, persistence, sorryServer, schedulerFlags } = server;
  const hasFlag = (...names: readonly string[]) => schedulerFlags.some((flag) => names.includes(flag));
  return {
    key: server.key,
    target: targetSettings(server.target),
    protocol: server.protocol,
    scheduler: server.scheduler,
    flags: {
      flag1: hasFlag('flag-1', 'sh-fallback', 'mh-fallback'),
      flag2: hasFlag('flag-2', 'sh-port', 'mh-port'),
      flag3: hasFlag('flag-3'),
    },
    onePacket: server.onePacket,
    hashed: server.hashed,
    forwarding: forwardingSettings(server.forwarding),
    persistence:
      persistence === undefined
        ? null
        : {
            timeout: Math.floor(persistence.timeout / SECOND),
            granularity: persistence.prefixLength ?? null,
            engine: persistence.engine ?? null,
          },
    delayLoop: micros(server.delayLoop),
    retry: timing.retry ?? null,
    delayBeforeRetry: duration(timing.delayBeforeRetry),
    warmup: duration(timing.warmup),
    connectTimeout: micros(timing.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT),
    weight: server.weight,
    quorum: server.quorum,
    hysteresis: server.hysteresis,
    quorumUp: script(server.quorumUp),
    quorumDown: script(server.quorumDown),
    alpha: server.alpha,
    omega: server.omega,
    haSuspend: server.haSuspend,
    inhibitOnFailure: server.inhibitOnFailure,
    smtpAlert: server.smtpAlert,
    virtualHost: server.virtualHost ?? null,
    snmpName: server.snmpName ?? null,
    place: placeText(server.at),
    sorryServer:
      sorryServer === undefined
        ? null
        : {
            key: sorryServer.key,
            address: sorryServer.address,
            port: sorryServer.port,
            forwarding: forwardingSettings(sorryServer.forwarding),
            inhibit: sorryServer.inhibitOnFailure,
          },
    realServers: server.realServers.map(realServerSettings),
  };
}

function realServerSettings(server: RealServer): RealServerSettings<CheckerSettings> {
  const { timing } = server;
  return {
    key: server.key,
    address: server.address,
    port: server.port,
    weight: server.weight,
    configuredWeight: server.weight,
    forwarding: forwardingSettings(server.forwarding),
    inhibitOnFailure: server.inhibitOnFailure,
    upperThreshold: server.upperThreshold,
    lowerThreshold: server.lowerThreshold,
    alpha: server.alpha,
    retry: timing.retry ?? null,
    delayBeforeRetry: duration(timing.delayBeforeRetry),
    warmup: duration(timing.warmup),
    delayLoop: duration(timing.delayLoop),
    connectTimeout: duration(timing.connectTimeout),
    virtualHost: server.virtualHost ?? null,
    notifyUp: script(server.notifyUp),
    notifyDown: script(server.notifyDown),
    smtpAlert: server.smtpAlert,
    snmpName: server.snmpName ?? null,
    place: placeText(server.at),
    checkers: server.checks.flatMap(checkerSettings),
  };
}

function checkerSettings(check: Check): CheckerSettings[] {
  const schedule: ScheduleSettings = {
    delayLoop: micros(check.delayLoop),
    retry: check.retry,
    delayBeforeRetry: micros(check.delayBeforeRetry),
    warmup: micros(check.warmup),
    alpha: check.alpha,
    logAllFailures: check.logAllFailures,
  };
  switch (check.kind) {
    case 'tcp':
      return [{ kind: 'tcp', schedule, connection: connectionSettings(check.connection) }];
    case 'http': {
      const virtualHost = check.virtualHost ?? null;
      return [
        {
          kind: 'http',
          schedule,
          connection: connectionSettings(check.connection),
          tls: check.tls,
          serverName: check.serverNameIndication ? (virtualHost ?? check.urls[0]?.virtualHost ?? null) : null,
          protocol: check.protocol,
          virtualHost,
          urls: check.urls.map((url) => ({
            path: url.path,
            virtualHost: url.virtualHost ?? null,
            statusCodes: url.statusCodes.map(({ first, last }) => ({ first, last })),
            digest: url.digest ?? null,
          })),
        },
      ];
    }
    case 'misc':
    case 'smtp':
    case 'dns':
    case 'udp':
    case 'ping':
    case 'file':
    case 'bfd':
      return [];
  }
}

function connectionSettings(connection: Connection): ConnectionSettings {
  return {
    address: connection.address,
    port: connection.port,
    bindAddress: connection.bindAddress ?? null,
    bindPort: connection.bindPort ?? null,
    bindInterface: connection.bindInterface ?? null,
    fwmark: connection.mark ?? null,
    connectTimeout: micros(connection.timeout),
  };
}

function targetSettings(target: VirtualServer['target']): VirtualServerTarget {
  if (target.kind === 'fwmark') return { kind: 'fwmark', fwmark: target.mark, family: target.family };
  return target;
}

function forwardingSettings({ method, tunnel }: Forwarding): ForwardingSettings {
  if (method !== 'tun') return { kind: method };
  if (tunnel?.type === 'gre') return { kind: 'tun', tunnel: { type: 'gre', checksum: tunnel.checksum } };
  if (tunnel?.type === 'gue' && tunnel.port !== undefined)
    return { kind: 'tun', tunnel: { type: 'gue', port: tunnel.port, checksum: tunnel.checksum } };
  return { kind: 'tun', tunnel: { type: 'ipip' } };
}

function script(command: Command | undefined): ScriptSettings | null {
  return command === undefined ? null : { command: command.argv.join(' '), path: null };
}

function duration(value: number | undefined): Duration | null {
  return value === undefined ? null : micros(value);
}

function placeText({ file, line }: VirtualServer['at']): string {
  return `${file}:${line}`;
}
