import type { Account, Command, Forwarding, KeepalivedConfig, RealServer, VirtualServer } from '@keepfleet/config';
import type { CheckerSettings } from '@keepfleet/health';
import {
  DEFAULT_SYNC_GROUP,
  DEFAULT_SYNC_PORT,
  DEFAULT_SYNC_TTL,
  type Forwarding as ForwardingSettings,
  type GroupMember,
  type KernelOptionSettings,
  type LvsNotifySettings,
  type LvsSettings,
  type RealServerSettings,
  type ScriptSettings,
  type SyncDaemonSettings,
  type VirtualServerSettings,
  type VirtualServerTarget,
  untouchedOptions,
} from '@keepfleet/ipvs';
import { type Duration, micros } from '@keepfleet/machine';
import { type Family, ip } from '@keepfleet/wire';
import { type CheckerDefaults, checkerDefaults, checkerSettings } from './checker-settings.ts';

const SECOND = 1_000_000;
const DEFAULT_CONNECT_TIMEOUT = 5 * SECOND;

/** What the lvs process is to do, before overrides. */
export function lvsSettings(config: KeepalivedConfig): LvsSettings<CheckerSettings> {
  const { globalDefs } = config;
  return {
    policy: {
      drift: globalDefs.lvsDrift,
      foreign: globalDefs.lvsForeign,
      flushAtStart: globalDefs.lvsFlush,
      flushAtStop: globalDefs.lvsFlushOnStop === 'everything',
      // One reading has the statistics of both.
      statisticsAge: micros(Math.min(globalDefs.snmp.serviceInterval, globalDefs.snmp.serverInterval)),
    },
    kernel: {
      timeouts: globalDefs.lvsTimeouts ?? untouchedOptions.timeouts,
      syncDaemon: syncDaemonSettings(config),
      receiveBuffer: globalDefs.lvsReceiveBuffer || null,
      ...optionPlaces(globalDefs),
    },
    notify: notifySettings(config),
    groups: config.virtualServerGroups.map(({ name, members }) => ({
      name,
      members: members.map((member): GroupMember => {
        if (member.kind === 'fwmark') return { kind: 'fwmark', fwmark: member.mark, ...familyWhere(member.family) };
        const { first, last, port } = member;
        return first === last ? { kind: 'address', address: first, port } : { kind: 'range', first, last, port };
      }),
    })),
    ...addressMarkSettings(config),
    virtualServers: allVirtualServers(config),
  };
}

/** What a service came to before, and with what else it hung on. A reload leaves most of them the same object. */
const settingsBefore = new WeakMap<
  VirtualServer,
  { readonly settings: VirtualServerSettings<CheckerSettings>; readonly defaults: string }
>();

function allVirtualServers(config: KeepalivedConfig): readonly VirtualServerSettings<CheckerSettings>[] {
  const defaults = checkerDefaults(config);
  return config.virtualServers.map((server) => {
    const before = settingsBefore.get(server);
    if (before?.defaults === defaults) return before.settings;
    const settings = virtualServerSettings(server, config);
    settingsBefore.set(server, { settings, defaults });
    return settings;
  });
}

function familyWhere(family: Family | undefined): { readonly family?: Family } {
  return family === undefined ? {} : { family };
}

function optionPlaces({ places }: KeepalivedConfig['globalDefs']): Pick<KernelOptionSettings, 'places'> {
  if (places === undefined) return {};
  const { lvsTimeouts, lvsSyncDaemon } = places;
  const text = (at: VirtualServer['at'] | undefined) => (at === undefined ? null : placeText(at));
  return { places: { timeouts: text(lvsTimeouts), syncDaemon: text(lvsSyncDaemon) } };
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

function addressMarkSettings({ globalDefs }: KeepalivedConfig): Pick<LvsSettings<never>, 'addressMarks'> {
  const { table, priority, firstMark } = globalDefs.nftablesIpvs;
  if (table === undefined) return {};
  return { addressMarks: { table, priority, counters: globalDefs.nftables.counters, first: firstMark } };
}

function notifySettings({ globalDefs }: KeepalivedConfig): LvsNotifySettings {
  const { notifyFifo, lvsNotifyFifo, scriptUser, enableScriptSecurity, realServerInitNotifies } = globalDefs;
  const account = (who: Account | undefined) =>
    who === undefined ? null : { user: who.user, group: who.group ?? null };
  return {
    fifo:
      lvsNotifyFifo === undefined
        ? null
        : { path: lvsNotifyFifo.path, owner: account(lvsNotifyFifo.owner), script: script(lvsNotifyFifo.script) },
    ...(notifyFifo === undefined ? {} : { commonFifo: { path: notifyFifo.path, owner: account(notifyFifo.owner) } }),
    initial: realServerInitNotifies,
    user: account(scriptUser),
    secure: enableScriptSecurity,
  };
}

function virtualServerSettings(
  server: VirtualServer,
  defaults: CheckerDefaults,
): VirtualServerSettings<CheckerSettings> {
  const { timing, persistence, sorryServer, schedulerFlags } = server;
  const hasFlag = (...names: readonly string[]) => schedulerFlags.some((flag) => names.includes(flag));
  return {
    key: server.key,
    target: targetSettings(server),
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
    realServers: server.realServers.map((real) => realServerSettings(real, defaults)),
  };
}

function realServerSettings(server: RealServer, defaults: CheckerDefaults): RealServerSettings<CheckerSettings> {
  const { timing } = server;
  return {
    key: server.key,
    address: server.address,
    port: server.port,
    weight: server.weight,
    configuredWeight: server.weight,
    weightIsSet: false,
    forwarding: forwardingSettings(server.forwarding),
    inhibitOnFailure: server.inhibitOnFailure,
    slowStart: micros(server.slowStart),
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
    checkers: server.checks.map((check) => checkerSettings(check, defaults)),
  };
}

function targetSettings({ target, family }: VirtualServer): VirtualServerTarget {
  switch (target.kind) {
    case 'address':
      return target;
    case 'fwmark':
      return { kind: 'fwmark', fwmark: target.mark, family: target.family };
    case 'group':
      return { ...target, ...familyWhere(family) };
  }
}

function forwardingSettings({ method, tunnel }: Forwarding): ForwardingSettings {
  if (method !== 'tun') return { kind: method };
  if (tunnel?.type === 'gre') return { kind: 'tun', tunnel: { type: 'gre', checksum: tunnel.checksum } };
  if (tunnel?.type === 'gue' && tunnel.port !== undefined)
    return { kind: 'tun', tunnel: { type: 'gue', port: tunnel.port, checksum: tunnel.checksum } };
  return { kind: 'tun', tunnel: { type: 'ipip' } };
}

function script(command: Command | undefined): ScriptSettings | null {
  if (command === undefined) return null;
  const { argv, user = null, group = null } = command;
  return { command: argv.join(' '), path: null, argv, user, group };
}

function duration(value: number | undefined): Duration | null {
  return value === undefined ? null : micros(value);
}

function placeText({ file, line }: VirtualServer['at']): string {
  return `${file}:${line}`;
}
