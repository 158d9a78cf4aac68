import type { GlobalDefs } from '../model/model.ts';
import type {
  Forwarding,
  GroupMember,
  RealServer,
  ServerTiming,
  VirtualServer,
  VirtualServerGroup,
} from '../model/virtual-server.ts';
import { checkLines } from './write-check.ts';
import { type Line, commandText, formatLines, onOff, optional, secondsText, when, wordText } from './text.ts';

export function serverGroupLines({ name, members }: VirtualServerGroup): Line {
  return [`virtual_server_group ${wordText(name)}`, members.map(memberText)];
}

/** What a service was written as before, and with what around it: most of a large file stay the same from reload to reload. */
const writtenBefore = new WeakMap<VirtualServer, { readonly text: string; readonly around: string }>();

export function virtualServerText(service: VirtualServer, globals: GlobalDefs): string {
  const { smtpAlertChecker, smtpAlert, smtpServer } = globals;
  const around = `${smtpAlertChecker} ${smtpAlert} ${smtpServer !== undefined}`;
  const before = writtenBefore.get(service);
  if (before?.around === around) return before.text;
  const text = formatLines([virtualServerLines(service, globals)]);
  writtenBefore.set(service, { text, around });
  return text;
}

function virtualServerLines(service: VirtualServer, globals: GlobalDefs): Line {
  const { target, family, persistence, sorryServer } = service;
  const usualAlert = globals.smtpAlertChecker ?? globals.smtpAlert;
  const alert = service.smtpAlert === (usualAlert ?? false) ? undefined : service.smtpAlert;
  return [
    `virtual_server ${targetText(target)}`,
    [
      `protocol ${service.protocol.toUpperCase()}`,
      ...when(target.kind !== 'address' && family !== undefined, `ip_family ${family === 'ipv6' ? 'inet6' : 'inet'}`),
      `lvs_sched ${wordText(service.scheduler)}`,
      ...service.schedulerFlags,
      ...when(service.onePacket, 'ops'),
      `lvs_method ${forwardingText(service.forwarding)}`,
      `delay_loop ${secondsText(service.delayLoop)}`,
      ...timingLines(service.timing),
      ...(persistence === undefined
        ? []
        : [
            `persistence_timeout ${secondsText(persistence.timeout)}`,
            ...optional('persistence_granularity', persistence.prefixLength, String),
            ...optional('persistence_engine', persistence.engine, wordText),
          ]),
      ...when(service.weight !== 1, `weight ${service.weight}`),
      ...when(service.inhibitOnFailure, 'inhibit_on_failure'),
      ...when(service.hashed, 'hashed'),
      ...optional('snmp_name', service.snmpName, wordText),
      ...when(service.quorum !== 1, `quorum ${service.quorum}`),
      ...when(service.hysteresis > 0, `hysteresis ${service.hysteresis}`),
      ...optional('quorum_up', service.quorumUp, commandText),
      ...optional('quorum_down', service.quorumDown, commandText),
      ...when(service.alpha, 'alpha'),
      ...when(service.omega, 'omega'),
      ...when(service.haSuspend, 'ha_suspend'),
      ...optional('virtualhost', service.virtualHost, wordText),
      ...optional('smtp_alert', alert, onOff),
      ...(sorryServer === undefined
        ? []
        : [
            `sorry_server ${sorryServer.address} ${sorryServer.port}`,
            ...when(sorryServer.inhibitOnFailure, 'sorry_server_inhibit'),
            `sorry_server_lvs_method ${forwardingText(sorryServer.forwarding)}`,
          ]),
      ...service.realServers.map((server) =>
        realServerLines(server, service, alert ?? usualAlert ?? globals.smtpServer !== undefined),
      ),
    ],
  ];
}

function realServerLines(server: RealServer, service: VirtualServer, usualAlert: boolean): Line {
  return [
    `real_server ${server.address} ${server.port}`,
    [
      `weight ${server.weight}`,
      ...when(
        forwardingText(server.forwarding) !== forwardingText(service.forwarding),
        `lvs_method ${forwardingText(server.forwarding)}`,
      ),
      ...when(
        server.inhibitOnFailure !== service.inhibitOnFailure,
        `inhibit_on_failure ${onOff(server.inhibitOnFailure)}`,
      ),
      ...optional('slow_start', server.slowStart === 0 ? undefined : server.slowStart, secondsText),
      ...when(server.upperThreshold > 0, `uthreshold ${server.upperThreshold}`),
      ...when(server.lowerThreshold > 0, `lthreshold ${server.lowerThreshold}`),
      ...when(server.alpha !== service.alpha, `alpha ${onOff(server.alpha)}`),
      ...timingLines(server.timing),
      ...optional('delay_loop', server.timing.delayLoop, secondsText),
      ...optional('virtualhost', server.virtualHost, wordText),
      ...optional('snmp_name', server.snmpName, wordText),
      ...optional('notify_up', server.notifyUp, commandText),
      ...optional('notify_down', server.notifyDown, commandText),
      ...when(server.smtpAlert !== usualAlert, `smtp_alert ${onOff(server.smtpAlert)}`),
      ...server.checks.map((check) => checkLines(check, server, service)),
    ],
  ];
}

function timingLines({ retry, delayBeforeRetry, warmup, connectTimeout }: ServerTiming): readonly Line[] {
  return [
    ...optional('retry', retry, String),
    ...optional('delay_before_retry', delayBeforeRetry, secondsText),
    ...optional('warmup', warmup, secondsText),
    ...optional('connect_timeout', connectTimeout, secondsText),
  ];
}

function targetText(target: VirtualServer['target']): string {
  if (target.kind === 'fwmark') return `fwmark ${target.mark}`;
  return target.kind === 'group' ? `group ${wordText(target.name)}` : `${target.address} ${target.port}`;
}

function memberText(member: GroupMember): string {
  if (member.kind === 'addresses') {
    return `${member.first}${member.last === member.first ? '' : `-${member.last}`} ${member.port}`;
  }
  const family = member.family === undefined ? '' : member.family === 'ipv6' ? ' inet6' : ' inet';
  return `fwmark ${member.mark}${family}`;
}

function forwardingText({ method, tunnel }: Forwarding): string {
  if (tunnel === undefined) return method.toUpperCase();
  const port = tunnel.port === undefined ? '' : ` port ${tunnel.port}`;
  return `TUN type ${tunnel.type}${port} ${tunnel.checksum}`;
}
