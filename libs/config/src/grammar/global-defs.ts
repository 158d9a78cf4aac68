import type { IpAddress } from '@keepfleet/wire';
import type { LvsSyncDaemon, LvsTimeouts } from '../model/model.ts';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { lvsSyncDaemon, lvsTimeouts } from './lvs-globals.ts';
import { kept } from './notify.ts';
import {
  type Account,
  type Command,
  account,
  boolean,
  command,
  flag,
  integer,
  interfaceName,
  multicast,
  oneOf,
  optional,
  seconds,
  vrrpVersion,
  word,
  words,
} from './readers.ts';
import { type ExtraInterfaces, extraInterfaces } from './extra-interfaces.ts';
import { type ReloadSettings, reloadRows } from './reload.ts';
import { type Draft, type Table, collects, deprecated, fixes, own, pending, sets, setsOnce } from './rows.ts';

/** The settings of `global_defs` as written. */
export interface GlobalSettings extends ReloadSettings {
  routerId: string;
  notificationEmail: readonly string[];
  notificationEmailFrom: string;
  smtpServer: { host: string; port: number };
  smtpConnectTimeout: number;
  smtpAlert: boolean;
  smtpAlertVrrp: boolean;
  smtpAlertChecker: boolean;
  smtpHeloName: string;
  smtpTls: 'off' | 'offered' | 'starttls' | 'implicit';
  smtpTlsVerify: boolean;
  smtpUser: string;
  smtpPassword: string;
  noEmailFaults: boolean;
  noCheckerEmails: boolean;
  checkerLogAllFailures: boolean;
  lvsNotifyFifo: { path: string; owner?: Account };
  lvsNotifyFifoScript: Command;
  realServerInitNotifies: boolean;
  scriptUser: { user: string; group?: string };
  enableScriptSecurity: boolean;
  enableTraps: boolean;
  enableSnmpVrrp: boolean;
  enableSnmpChecker: boolean;
  enableSnmpRfcV2: boolean;
  enableSnmpRfcV3: boolean;
  snmpSocket: string;
  snmpServiceInterval: number;
  snmpServerInterval: number;
  defaultInterface: string;
  dynamicInterfaces: boolean;
  version: 2 | 3;
  multicastGroup4: IpAddress;
  multicastGroup6: IpAddress;
  garpMasterDelay: number;
  garpMasterRepeat: number;
  garpMasterRefresh: number;
  garpExtraInterfaces: ExtraInterfaces;
  garpMasterRefreshRepeat: number;
  garpLowerPriorityDelay: number;
  garpLowerPriorityRepeat: number;
  garpInterval: number;
  gnaInterval: number;
  minGarp: boolean;
  downTimerAdverts: number;
  lowerPriorityNoAdvert: boolean;
  higherPrioritySendAdvert: boolean;
  ownerIgnoreAdverts: boolean;
  v3ChecksumAsV2: boolean;
  checkUnicastSource: boolean;
  skipCheckAdvertAddresses: boolean;
  strict: boolean;
  startupDelay: number;
  delayAfterBoot: number;
  notifyPriorityChanges: boolean;
  notifyFifo: { path: string; owner?: Account };
  notifyFifoScript: Command;
  vrrpNotifyFifo: { path: string; owner?: Account };
  vrrpNotifyFifoScript: Command;
  notifyOnReload: boolean;
  logUnknownVrids: boolean;
  vrrpProcessName: string;
  vrrpNice: number;
  vrrpNoSwap: boolean;
  vrrpRealTime: number;
  vrrpRealTimeLimit: number;
  vrrpCpus: readonly number[];
  checkerProcessName: string;
  checkerNice: number;
  checkerNoSwap: boolean;
  checkerRealTime: number;
  checkerRealTimeLimit: number;
  checkerCpus: readonly number[];
  bfdProcessName: string;
  bfdNice: number;
  bfdNoSwap: boolean;
  bfdRealTime: number;
  bfdRealTimeLimit: number;
  bfdCpus: readonly number[];
  processNames: boolean;
  maxAutoPriority: number;
  minAutoPriorityDelay: number;
  nftablesTable: string;
  nftablesPriority: number;
  nftablesCounters: boolean;
  nftablesIpvsTable: string;
  nftablesIpvsPriority: number;
  nftablesIpvsFirstMark: number;
  vmacPrefix: string;
  vmacAddressPrefix: string;
  jsonVersion: number;
  stateDumpFile: string;
  statsDumpFile: string;
  jsonDumpFile: string;
  lvsFlush: boolean;
  lvsFlushOnStop: 'no' | 'everything' | 'services';
  lvsTimeouts: LvsTimeouts;
  lvsSyncDaemon: LvsSyncDaemon;
  lvsReceiveBuffer: number;
  lvsDrift: 'repair' | 'report';
  lvsForeign: 'leave' | 'remove';
}

type Row = Table<Draft<GlobalSettings>>[string];

const LONGEST = 0xffff_ffff;
const MAX_PROCESS_NAME = 15;
const MAX_CPU = 8191;
const smtpPort = optional(integer(1, 65_535), 25);
const flagOnly = pending<Draft<GlobalSettings>>(flag);
const yesNo = pending<Draft<GlobalSettings>>(boolean);
const name = pending<Draft<GlobalSettings>>(word('a name'));
const path = pending<Draft<GlobalSettings>>(word('a path'));
const list = pending<Draft<GlobalSettings>>(words);
const bufferSize = pending<Draft<GlobalSettings>>(integer(0, LONGEST));
const program = pending<Draft<GlobalSettings>>(command);
const bufferPolicy = syntax('MTU|ADVERT|0..4294967295', 'ADVERT', (args: Arguments) => {
  const found = args.peek();
  return found !== undefined && /^(mtu|advert)$/i.test(found.text) ? args.take()?.text : integer(0, LONGEST)(args);
});
const statsInterval = seconds(0.001, 30);
/** What the kernel keeps of a name. */
const processName = syntax('NAME', 'vrrp', (args: Arguments) => {
  const found = args.need('a name');
  return found === undefined || found.text.length <= MAX_PROCESS_NAME
    ? found?.text
    : args.bad(found, `a name of at most ${MAX_PROCESS_NAME} characters`);
});
const cpuList = syntax('CPU …', '0 1', (args: Arguments): readonly number[] | undefined => {
  const cpus: number[] = [];
  const cpu = integer(0, MAX_CPU);
  while (cpus.length === 0 || args.peek() !== undefined) {
    const found = cpu(args);
    if (found === undefined) return undefined;
    cpus.push(found);
  }
  return cpus;
});
/** A path, and who a pipe that has to be made belongs to. */
export const fifoOf = syntax('PATH [USER [GROUP]]', '/run/x.fifo', (args: Arguments) => {
  const path = args.need('a path')?.text;
  const user = args.take()?.text;
  const group = args.take()?.text;
  if (path === undefined) return undefined;
  return user === undefined ? { path } : { path, owner: { user, ...(group === undefined ? {} : { group }) } };
});
const flushOnStop: Row = sets(
  'lvsFlushOnStop',
  syntax('[VS]', 'VS', (args: Arguments) => (args.takeIf('VS') ? 'services' : 'everything')),
);
/** Keepfleet serves every MIB wherever a master agent runs; these say which notifications it sends. */
const snmpVrrp: Row = fixes('enableSnmpVrrp', true);
const snmpRfcV2: Row = fixes('enableSnmpRfcV2', true);
const snmpRfcV3: Row = fixes('enableSnmpRfcV3', true);
const snmpRfc: Row = {
  ...snmpRfcV2,
  read(target, args, block) {
    snmpRfcV2.read(target, args, block);
    snmpRfcV3.read(target, args, block);
  },
};

export const globalDefs: Table<Draft<GlobalSettings>> = {
  router_id: sets('routerId', word('a name')),
  notification_email: collects('notificationEmail', word('an address')),
  notification_email_from: sets('notificationEmailFrom', word('an address')),
  smtp_server: sets(
    'smtpServer',
    syntax('HOST [PORT]', '192.0.2.25 25', (args: Arguments) => {
      const host = args.need('a host')?.text;
      const port = host === undefined ? undefined : smtpPort(args);
      return host === undefined || port === undefined ? undefined : { host, port };
    }),
  ),
  smtp_helo_name: sets('smtpHeloName', word('a name')),
  smtp_tls: own(sets('smtpTls', oneOf('off', 'offered', 'starttls', 'implicit'))),
  smtp_tls_verify: own(sets('smtpTlsVerify', boolean)),
  smtp_user: own(sets('smtpUser', word('a name'))),
  smtp_password: own(sets('smtpPassword', word('a password'))),
  smtp_connect_timeout: sets('smtpConnectTimeout', seconds(0)),
  smtp_alert: sets('smtpAlert', boolean),
  smtp_alert_vrrp: sets('smtpAlertVrrp', boolean),
  smtp_alert_checker: sets('smtpAlertChecker', boolean),
  no_email_faults: fixes('noEmailFaults', true),
  no_checker_emails: fixes('noCheckerEmails', true),
  checker_log_all_failures: sets('checkerLogAllFailures', boolean),
  script_user: sets('scriptUser', account),
  enable_script_security: sets('enableScriptSecurity', boolean),
  startup_script: program,
  shutdown_script: program,
  startup_script_timeout: pending(integer(1, 1000)),
  shutdown_script_timeout: pending(integer(1, 1000)),
  process_names: fixes('processNames', true),
  process_name: name,
  vrrp_process_name: sets('vrrpProcessName', processName),
  checker_process_name: kept(sets('checkerProcessName', processName)),
  bfd_process_name: sets('bfdProcessName', processName),
  lvs_process_name: deprecated(kept(sets('checkerProcessName', processName)), 'checker_process_name'),
  use_symlink_paths: yesNo,
  set_supplementary_groups: yesNo,
  default_interface: kept(sets('defaultInterface', interfaceName)),
  dynamic_interfaces: sets(
    'dynamicInterfaces',
    syntax('[allow_if_changes]', 'allow_if_changes', (args: Arguments) => {
      args.takeIf('allow_if_changes');
      return true;
    }),
  ),
  disable_local_igmp: flagOnly,
  max_auto_priority: sets('maxAutoPriority', optional(integer(-1, 99), -1)),
  min_auto_priority_delay: sets('minAutoPriorityDelay', integer(1, 10_000_000)),
  vrrp_priority: sets('vrrpNice', integer(-20, 19)),
  checker_priority: kept(sets('checkerNice', integer(-20, 19))),
  bfd_priority: sets('bfdNice', integer(-20, 19)),
  vrrp_no_swap: fixes('vrrpNoSwap', true),
  checker_no_swap: kept(fixes('checkerNoSwap', true)),
  bfd_no_swap: fixes('bfdNoSwap', true),
  vrrp_rt_priority: sets('vrrpRealTime', integer(1, 99)),
  checker_rt_priority: kept(sets('checkerRealTime', integer(1, 99))),
  bfd_rt_priority: sets('bfdRealTime', integer(1, 99)),
  vrrp_cpu_affinity: sets('vrrpCpus', cpuList),
  checker_cpu_affinity: kept(sets('checkerCpus', cpuList)),
  bfd_cpu_affinity: sets('bfdCpus', cpuList),
  vrrp_rlimit_rttime: sets('vrrpRealTimeLimit', integer(1, LONGEST)),
  checker_rlimit_rttime: kept(sets('checkerRealTimeLimit', integer(1, LONGEST))),
  bfd_rlimit_rttime: sets('bfdRealTimeLimit', integer(1, LONGEST)),
  vrrp_rlimit_rtime: deprecated(sets('vrrpRealTimeLimit', integer(1, LONGEST)), 'vrrp_rlimit_rttime'),
  checker_rlimit_rtime: deprecated(kept(sets('checkerRealTimeLimit', integer(1, LONGEST))), 'checker_rlimit_rttime'),
  bfd_rlimit_rtime: deprecated(sets('bfdRealTimeLimit', integer(1, LONGEST)), 'bfd_rlimit_rttime'),
  vrrp_version: sets('version', vrrpVersion),
  vrrp_mcast_group4: sets('multicastGroup4', multicast('ipv4')),
  vrrp_mcast_group6: sets('multicastGroup6', multicast('ipv6')),
  vrrp_garp_master_delay: sets('garpMasterDelay', seconds(0)),
  vrrp_garp_master_repeat: sets('garpMasterRepeat', integer(1, LONGEST)),
  vrrp_garp_master_refresh: sets('garpMasterRefresh', seconds(0)),
  vrrp_garp_master_refresh_repeat: sets('garpMasterRefreshRepeat', integer(1, LONGEST)),
  vrrp_garp_lower_prio_delay: sets('garpLowerPriorityDelay', seconds(0)),
  vrrp_garp_lower_prio_repeat: sets('garpLowerPriorityRepeat', integer(0, LONGEST)),
  vrrp_garp_interval: sets('garpInterval', seconds(0.000001)),
  vrrp_gna_interval: sets('gnaInterval', seconds(0.000001)),
  vrrp_min_garp: sets('minGarp', boolean),
  vrrp_garp_extra_if: sets('garpExtraInterfaces', extraInterfaces(1)),
  vrrp_vmac_garp_intvl: deprecated(sets('garpExtraInterfaces', extraInterfaces(1)), 'vrrp_garp_extra_if'),
  vrrp_down_timer_adverts: sets('downTimerAdverts', integer(1, 100)),
  vrrp_lower_prio_no_advert: sets('lowerPriorityNoAdvert', boolean),
  vrrp_higher_prio_send_advert: sets('higherPrioritySendAdvert', boolean),
  vrrp_owner_ignore_adverts: sets('ownerIgnoreAdverts', boolean),
  v3_checksum_as_v2: sets('v3ChecksumAsV2', boolean),
  vrrp_check_unicast_src: fixes('checkUnicastSource', true),
  vrrp_skip_check_adv_addr: sets('skipCheckAdvertAddresses', boolean),
  vrrp_strict: sets('strict', boolean),
  vrrp_startup_delay: sets('startupDelay', seconds(0.001)),
  vrrp_delay_after_boot: sets('delayAfterBoot', seconds(0)),
  log_unknown_vrids: fixes('logUnknownVrids', true),
  vrrp_notify_priority_changes: sets('notifyPriorityChanges', boolean),
  vrrp_rx_bufs_policy: pending(bufferPolicy),
  vrrp_rx_bufs_multiplier: pending(integer(1, LONGEST)),
  vrrp_iptables: list,
  vrrp_ipsets: list,
  nftables: setsOnce('nftablesTable', optional(word('a table'), 'keepalived')),
  nftables_priority: sets('nftablesPriority', integer(-0x8000_0000, 0x7fff_ffff)),
  nftables_ifindex: flagOnly,
  nftables_counters: fixes('nftablesCounters', true),
  nftables_ipvs: setsOnce('nftablesIpvsTable', optional(word('a table'), 'keepalived_ipvs')),
  nftables_ipvs_priority: sets('nftablesIpvsPriority', integer(-0x8000_0000, 0x7fff_ffff)),
  nftables_ipvs_start_fwmark: sets('nftablesIpvsFirstMark', integer(1, LONGEST)),
  vmac_prefix: setsOnce('vmacPrefix', word('a name')),
  vmac_addr_prefix: setsOnce('vmacAddressPrefix', word('a name')),
  notify_fifo: setsOnce('notifyFifo', fifoOf),
  notify_fifo_script: setsOnce('notifyFifoScript', command),
  vrrp_notify_fifo: setsOnce('vrrpNotifyFifo', fifoOf),
  vrrp_notify_fifo_script: setsOnce('vrrpNotifyFifoScript', command),
  lvs_notify_fifo: setsOnce('lvsNotifyFifo', fifoOf),
  lvs_notify_fifo_script: setsOnce('lvsNotifyFifoScript', command),
  fifo_write_vrrp_states_on_reload: fixes('notifyOnReload', true),
  lvs_timeouts: sets('lvsTimeouts', lvsTimeouts),
  lvs_flush: fixes('lvsFlush', true),
  lvs_flush_on_stop: flushOnStop,
  lvs_flush_onstop: deprecated(flushOnStop, 'lvs_flush_on_stop'),
  lvs_sync_daemon: setsOnce('lvsSyncDaemon', lvsSyncDaemon),
  lvs_drift: sets('lvsDrift', oneOf('repair', 'report')),
  lvs_foreign: sets('lvsForeign', oneOf('leave', 'remove')),
  rs_init_notifies: sets('realServerInitNotifies', boolean),
  snmp_socket: setsOnce('snmpSocket', word('an address')),
  enable_snmp_vrrp: snmpVrrp,
  enable_snmp_checker: fixes('enableSnmpChecker', true),
  enable_snmp_rfc: snmpRfc,
  enable_snmp_rfcv2: snmpRfcV2,
  enable_snmp_rfcv3: snmpRfcV3,
  enable_snmp_keepalived: deprecated(snmpVrrp, 'enable_snmp_vrrp'),
  enable_traps: fixes('enableTraps', true),
  snmp_vs_stats_update_interval: sets('snmpServiceInterval', statsInterval),
  snmp_rs_stats_update_interval: sets('snmpServerInterval', statsInterval),
  enable_dbus: flagOnly,
  dbus_service_name: name,
  dbus_no_interface_name: name,
  vrrp_netlink_cmd_rcv_bufs: bufferSize,
  vrrp_netlink_monitor_rcv_bufs: bufferSize,
  lvs_netlink_cmd_rcv_bufs: sets('lvsReceiveBuffer', integer(0, LONGEST)),
  lvs_netlink_monitor_rcv_bufs: bufferSize,
  process_monitor_rcv_bufs: bufferSize,
  vrrp_netlink_cmd_rcv_bufs_force: yesNo,
  vrrp_netlink_monitor_rcv_bufs_force: yesNo,
  lvs_netlink_cmd_rcv_bufs_force: yesNo,
  lvs_netlink_monitor_rcv_bufs_force: yesNo,
  process_monitor_rcv_bufs_force: yesNo,
  umask: pending(syntax('MASK …', '022', (args: Arguments) => [args.need('a mask'), ...words(args)])),
  ...reloadRows<GlobalSettings>(),
  config_save_dir: path,
  tmp_config_directory: path,
  data_use_instance: yesNo,
  json_version: sets('jsonVersion', integer(1, 2)),
  state_dump_file: sets('stateDumpFile', word('a path')),
  stats_dump_file: sets('statsDumpFile', word('a path')),
  json_dump_file: sets('jsonDumpFile', word('a path')),
  iproute_usr_dir: path,
  iproute_etc_dir: path,
};
