import { MULTICAST_GROUP4, MULTICAST_GROUP6 } from '../model/resolve-vrrp.ts';
import { DEFAULT_NICE } from '../model/default-nice.ts';
import type { GlobalDefs, KeepalivedConfig, ProcessSettings, SslDefaults } from '../model/model.ts';
import type { PassedLine } from '../model/parts.ts';
import { keepComments } from './comments.ts';
import {
  type Line,
  accountText,
  commandText,
  formatLines,
  onOff,
  optional,
  secondsText,
  when,
  wordText,
  wordsText,
} from './text.ts';
import { bfdLines } from './write-bfd.ts';
import { serverGroupLines, virtualServerText } from './write-lvs.ts';
import {
  fileLines,
  fifoLines,
  garpGroupLines,
  interfaceDelayLines,
  trackGroupLines,
  trackProcessLines,
} from './write-trackers.ts';
import { addressBlock, block, groupLines, instanceLines, scriptLines } from './write-vrrp.ts';

/**
 * The keepalived.conf of a model: one form for all files that mean the same, without includes and definitions, and with
 * the comments of the source where that is given. Parsing it gives the same model. What the model does not hold (blocks
 * and checkers without effect yet) is not in it, and secrets are.
 */
export function writeKeepalivedConfig(config: KeepalivedConfig, source?: string): string {
  const { globalDefs } = config;
  const statics = (keyword: string, lines: readonly PassedLine[]) =>
    block(
      keyword,
      lines.map(({ words }) => wordsText(words)),
    );
  const lines: readonly Line[] = [
    ['global_defs', globalLines(config)],
    ...addressBlock('static_ipaddress', config.staticAddresses),
    ...statics('static_routes', config.staticRoutes),
    ...statics('static_rules', config.staticRules),
    ...interfaceDelayLines(config.interfaceDelays),
    ...config.garpGroups.map(garpGroupLines),
    ...config.trackGroups.map(trackGroupLines),
    ...config.scripts.map(scriptLines),
    ...config.trackFiles.map(fileLines),
    ...config.trackProcesses.map(trackProcessLines),
    ...sslLines(config.ssl),
    ...config.bfdInstances.map(bfdLines),
    ...config.vrrpInstances.map((instance) => instanceLines(instance, globalDefs)),
    ...config.syncGroups.map((group) => groupLines(group, globalDefs)),
    ...config.virtualServerGroups.map(serverGroupLines),
  ];
  const services = config.virtualServers.map((service) => virtualServerText(service, globalDefs));
  const written = [...lines.map((line) => formatLines([line])), ...services].join('\n');
  return source === undefined ? written : keepComments(written, source);
}

function globalLines({ globalDefs: defs, vrrpInstances }: KeepalivedConfig): readonly Line[] {
  // Every instance has them from here; there is no keyword of its own.
  const garp = vrrpInstances[0]?.garp;
  return [
    ...optional('router_id', defs.routerId, wordText),
    ...block('notification_email', defs.notificationEmail.map(wordText)),
    ...optional('notification_email_from', defs.notificationEmailFrom, wordText),
    ...optional('smtp_server', defs.smtpServer, ({ host, port }) => `${wordText(host)} ${port}`),
    ...when(defs.smtpConnectTimeout !== 30_000_000, `smtp_connect_timeout ${secondsText(defs.smtpConnectTimeout)}`),
    ...optional('smtp_alert', defs.smtpAlert, onOff),
    ...optional('smtp_alert_vrrp', defs.smtpAlertVrrp, onOff),
    ...optional('smtp_alert_checker', defs.smtpAlertChecker, onOff),
    ...when(defs.enableTraps, 'enable_traps'),
    ...when(defs.snmp.vrrp, 'enable_snmp_vrrp'),
    ...when(defs.snmp.checker, 'enable_snmp_checker'),
    ...when(defs.snmp.rfcV2, 'enable_snmp_rfcv2'),
    ...when(defs.snmp.rfcV3, 'enable_snmp_rfcv3'),
    ...when(defs.snmp.socket !== 'unix:/var/agentx/master', `snmp_socket ${wordText(defs.snmp.socket)}`),
    ...when(
      defs.snmp.serviceInterval !== 5_000_000,
      `snmp_vs_stats_update_interval ${secondsText(defs.snmp.serviceInterval)}`,
    ),
    ...when(
      defs.snmp.serverInterval !== defs.snmp.serviceInterval,
      `snmp_rs_stats_update_interval ${secondsText(defs.snmp.serverInterval)}`,
    ),
    ...when(defs.enableScriptSecurity, 'enable_script_security'),
    ...optional('script_user', defs.scriptUser, accountText),
    ...optional('smtp_helo_name', defs.smtpHeloName, wordText),
    ...when(defs.smtpTls !== 'off', `smtp_tls ${defs.smtpTls}`),
    ...when(!defs.smtpTlsVerify, 'smtp_tls_verify off'),
    ...optional('smtp_user', defs.smtpUser, wordText),
    ...optional('smtp_password', defs.smtpPassword, wordText),
    ...when(defs.noEmailFaults, 'no_email_faults'),
    ...when(defs.noCheckerEmails, 'no_checker_emails'),
    ...optional('lvs_notify_fifo', defs.lvsNotifyFifo, ({ path, owner }) =>
      [wordText(path), ...(owner === undefined ? [] : [accountText(owner)])].join(' '),
    ),
    ...optional('lvs_notify_fifo_script', defs.lvsNotifyFifo?.script, commandText),
    ...when(defs.realServerInitNotifies, 'rs_init_notifies'),
    ...when(defs.dynamicInterfaces, 'dynamic_interfaces'),
    ...when(defs.defaultInterface !== 'eth0', `default_interface ${wordText(defs.defaultInterface)}`),
    ...when(defs.multicastGroup4 !== MULTICAST_GROUP4, `vrrp_mcast_group4 ${defs.multicastGroup4}`),
    ...when(defs.multicastGroup6 !== MULTICAST_GROUP6, `vrrp_mcast_group6 ${defs.multicastGroup6}`),
    ...when(defs.strict, 'vrrp_strict'),
    ...when(defs.startupDelay > 0, `vrrp_startup_delay ${secondsText(defs.startupDelay)}`),
    ...when(defs.delayAfterBoot > 0, `vrrp_delay_after_boot ${secondsText(defs.delayAfterBoot)}`),
    ...fifoLines('notify_fifo', defs.notifyFifo),
    ...fifoLines('vrrp_notify_fifo', defs.vrrpNotifyFifo),
    ...when(defs.notifyOnReload, 'fifo_write_vrrp_states_on_reload'),
    ...when(defs.logUnknownVrids, 'log_unknown_vrids'),
    ...processLines('vrrp', defs.vrrpProcess),
    ...processLines('checker', defs.checkerProcess),
    ...processLines('bfd', defs.bfdProcess),
    ...when(defs.maxAutoPriority > 0, `max_auto_priority ${defs.maxAutoPriority}`),
    ...when(defs.minAutoPriorityDelay !== 1_000_000, `min_auto_priority_delay ${defs.minAutoPriorityDelay}`),
    ...optional('nftables', defs.nftables.table, wordText),
    ...when(defs.nftables.priority !== -1, `nftables_priority ${defs.nftables.priority}`),
    ...when(defs.nftables.counters, 'nftables_counters'),
    ...optional('nftables_ipvs', defs.nftablesIpvs.table, wordText),
    ...when(defs.nftablesIpvs.priority !== -1, `nftables_ipvs_priority ${defs.nftablesIpvs.priority}`),
    ...when(defs.nftablesIpvs.firstMark !== 1000, `nftables_ipvs_start_fwmark ${defs.nftablesIpvs.firstMark}`),
    ...when(defs.vmacPrefix !== 'vrrp', `vmac_prefix ${wordText(defs.vmacPrefix)}`),
    ...when(defs.vmacAddressPrefix !== 'vrrp', `vmac_addr_prefix ${wordText(defs.vmacAddressPrefix)}`),
    ...when(defs.dumps.jsonVersion !== 1, `json_version ${defs.dumps.jsonVersion}`),
    ...optional('state_dump_file', defs.dumps.state, wordText),
    ...optional('stats_dump_file', defs.dumps.stats, wordText),
    ...optional('json_dump_file', defs.dumps.json, wordText),
    ...when(defs.lvsFlush, 'lvs_flush'),
    ...flushLines(defs),
    ...optional('lvs_timeouts', defs.lvsTimeouts, ({ tcp, tcpFin, udp }) => `tcp ${tcp} tcpfin ${tcpFin} udp ${udp}`),
    ...optional('lvs_sync_daemon', defs.lvsSyncDaemon, syncDaemonText),
    ...optional('lvs_netlink_cmd_rcv_bufs', defs.lvsReceiveBuffer, String),
    ...when(defs.lvsDrift !== 'repair', `lvs_drift ${defs.lvsDrift}`),
    ...when(defs.lvsForeign !== 'leave', `lvs_foreign ${defs.lvsForeign}`),
    ...reloadLines(defs),
    ...when(garp !== undefined && garp.arpInterval > 0, `vrrp_garp_interval ${secondsText(garp?.arpInterval ?? 0)}`),
    ...when(
      garp !== undefined && garp.neighbourInterval > 0,
      `vrrp_gna_interval ${secondsText(garp?.neighbourInterval ?? 0)}`,
    ),
  ];
}

function syncDaemonText(daemon: NonNullable<GlobalDefs['lvsSyncDaemon']>): string {
  const { instance, syncId, maxLength, port, ttl, group } = daemon;
  const option = (name: string, value: string | number | undefined) => (value === undefined ? '' : ` ${name} ${value}`);
  return [
    wordText(daemon.interface),
    option('inst', instance === undefined ? undefined : wordText(instance)),
    option('id', syncId),
    option('maxlen', maxLength),
    option('port', port),
    option('ttl', ttl),
    option('group', group),
  ].join('');
}

function processLines(prefix: 'vrrp' | 'checker' | 'bfd', settings: ProcessSettings): readonly Line[] {
  return [
    ...optional(`${prefix}_process_name`, settings.name, wordText),
    ...when(settings.nice !== DEFAULT_NICE[prefix], `${prefix}_priority ${settings.nice}`),
    ...when(settings.noSwap, `${prefix}_no_swap`),
    ...optional(`${prefix}_rt_priority`, settings.realTimePriority, String),
    ...when(settings.realTimeLimit !== 10_000, `${prefix}_rlimit_rttime ${settings.realTimeLimit}`),
    ...when(settings.cpus.length > 0, `${prefix}_cpu_affinity ${settings.cpus.join(' ')}`),
  ];
}

function flushLines({ lvsFlushOnStop }: GlobalDefs): readonly Line[] {
  if (lvsFlushOnStop === 'no') return [];
  return [lvsFlushOnStop === 'services' ? 'lvs_flush_on_stop VS' : 'lvs_flush_on_stop'];
}

function sslLines({ password, ca, certificate, key }: SslDefaults): readonly Line[] {
  const lines = [
    ...optional('password', password, wordText),
    ...optional('ca', ca, wordText),
    ...optional('certificate', certificate, wordText),
    ...optional('key', key, wordText),
  ];
  return when(lines.length > 0, ['SSL', lines]);
}

function reloadLines({ reload }: GlobalDefs): readonly Line[] {
  const pathText = (path: string) => (path === '' ? '' : wordText(path));
  return [
    ...optional('reload_check_config', reload.check, pathText),
    ...optional('reload_time_file', reload.timeFile, wordText),
    ...when(reload.repeat, 'reload_repeat'),
    ...optional('reload_file', reload.file, pathText),
  ].map((line) => (typeof line === 'string' ? line.trimEnd() : line));
}
