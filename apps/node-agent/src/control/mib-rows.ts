import type { KeepalivedConfig, NotifyCommands } from '@keepfleet/config';
import type { LvsSnapshot } from '@keepfleet/ipvs';
import type { AddressRow, GlobalRow, InstanceRow, MibRows, ScriptRow } from '@keepfleet/mib';
import { syncDaemonSettings } from '../settings/index.ts';
import { type IpAddress, parseIp } from '@keepfleet/wire';
import type { AddressSnapshot, RouterSnapshot, VrrpSnapshot } from '@keepfleet/vrrp';

/** The rows of KEEPALIVED-MIB from what is configured and what runs. A process that was not heard has no rows: nothing old is shown as new. */
export function mibRows(
  config: KeepalivedConfig,
  node: { readonly version: string; readonly name: string },
  vrrp: VrrpSnapshot | undefined,
  lvs: LvsSnapshot | undefined,
): MibRows {
  return {
    global: globalRow(config, node),
    instances: vrrp?.instances.map((router) => instanceRow(config, router)) ?? [],
    staticAddresses: [],
    groups: lvs?.groups ?? [],
    virtualServers: lvs?.virtualServers ?? [],
  };
}

function globalRow(config: KeepalivedConfig, node: { readonly version: string; readonly name: string }): GlobalRow {
  const { globalDefs } = config;
  const server = globalDefs.smtpServer;
  const address = server === undefined ? undefined : parseIp(server.host);
  return {
    version: `Keepfleet ${node.version}`,
    routerId: globalDefs.routerId ?? node.name,
    mail: {
      server: server === undefined || address?.ok !== true ? null : { address: address.value, port: server.port },
      timeout: globalDefs.smtpConnectTimeout / 1_000_000,
      from: globalDefs.notificationEmailFrom ?? '',
      recipients: globalDefs.notificationEmail,
      faults: true,
      alert: globalDefs.smtpAlert ?? null,
      alertVrrp: globalDefs.smtpAlertVrrp ?? null,
      alertChecker: globalDefs.smtpAlertChecker ?? null,
    },
    trapEnable: globalDefs.enableTraps,
    linkBeat: 'netlink',
    netNamespace: '',
    dbus: false,
    dynamicInterfaces: globalDefs.dynamicInterfaces,
    v3ChecksumAsV2: false,
    lvsFlush: globalDefs.lvsFlush,
    lvsFlushOnStop: ({ no: 'disabled', everything: 'enabled', services: 'flush-vs' } as const)[
      globalDefs.lvsFlushOnStop
    ],
    syncDaemon: syncDaemonRow(config),
    timeouts: {
      tcp: globalDefs.lvsTimeouts?.tcp || null,
      tcpFin: globalDefs.lvsTimeouts?.tcpFin || null,
      udp: globalDefs.lvsTimeouts?.udp || null,
    },
  };
}

/** 0 stands for a message length that is left to the kernel. */
function syncDaemonRow(config: KeepalivedConfig): GlobalRow['syncDaemon'] {
  const daemon = syncDaemonSettings(config);
  return daemon && { ...daemon, maxLength: daemon.maxLength ?? 0 };
}

const STATES = { initialize: 'init', backup: 'backup', master: 'master', fault: 'fault' } as const;

function instanceRow(config: KeepalivedConfig, router: RouterSnapshot): InstanceRow {
  const configured = config.vrrpInstances.find((instance) => instance.name === router.name);
  return {
    name: router.name,
    vrid: router.vrid,
    version: router.version,
    state: STATES[router.state],
    initialState: router.initialState,
    wantedState: STATES[router.wantedState],
    basePriority: router.basePriority,
    effectivePriority: router.effectivePriority,
    vipsSet: router.state === 'master' && router.addressesInPlace,
    interface: router.interface,
    trackPrimary: !router.dontTrackPrimary,
    advertInterval: router.advertInterval,
    preempt: router.preempt,
    preemptDelay: router.preemptDelay,
    authentication: router.authType,
    syncDaemonInterface:
      config.globalDefs.lvsSyncDaemon?.instance === router.name ? config.globalDefs.lvsSyncDaemon.interface : null,
    syncGroup: router.syncGroup ?? null,
    garpDelay: router.garpDelay,
    smtpAlert: configured?.smtpAlert ?? false,
    scripts: scriptRows(configured?.notify ?? {}),
    accept: router.version === 3 ? router.accept : null,
    promoteSecondaries: false,
    useLinkbeat: false,
    notifyDeleted: configured?.notify.deleted !== undefined,
    multicastGroup: router.mcastGroup ?? null,
    v3ChecksumAsV2: router.v3ChecksumAsV2,
    addresses: router.addresses.map(addressRow),
  };
}

function scriptRows(notify: NotifyCommands): InstanceRow['scripts'] {
  const row = (command: NotifyCommands['master']): ScriptRow | null =>
    command === undefined ? null : { command: command.argv.join(' '), path: null };
  return {
    master: row(notify.master),
    backup: row(notify.backup),
    fault: row(notify.fault),
    stop: row(notify.stop),
    any: row(notify.any),
    masterReceivedLowerPriority: row(notify.masterHeardLowerPriority),
    deleted: row(notify.deleted),
  };
}

/** Kernel numbers of rt_scope_t as iproute2 names them. */
const SCOPES: Readonly<Record<number, AddressRow['scope']>> = {
  0: 'global',
  200: 'site',
  253: 'link',
  254: 'host',
  255: 'nowhere',
};

function addressRow(address: AddressSnapshot): AddressRow {
  const broadcast: IpAddress | undefined = address.broadcast;
  return {
    address: address.address,
    prefixLength: address.prefix,
    broadcast: broadcast ?? null,
    peer: address.peer ?? null,
    scope: SCOPES[address.scope] ?? 'other',
    ifIndex: address.interfaceIndex ?? 0,
    ifName: address.interface,
    label: address.label ?? null,
    set: address.installed,
    advertised: address.advertised,
  };
}
