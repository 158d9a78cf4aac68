import { hostname } from 'node:os';
import type { KeepalivedConfig, RealServer, VirtualServer } from '@keepfleet/config';
import type { LvsEvent } from '@keepfleet/ipvs';
import type { VrrpEvent } from '@keepfleet/vrrp';

/** A mail before it is addressed. */
export interface Alert {
  readonly subject: string;
  readonly text: string;
}

const SHUTTING_DOWN = '=> Shutting down <=';

const stateTexts = {
  master: ['Entering MASTER state', '=> VRRP Instance is now owning VRRP VIPs <='],
  backup: ['Entering BACKUP state', '=> VRRP Instance is no longer owning VRRP VIPs <='],
  fault: ['Entering FAULT state', '=> VRRP Instance has entered FAULT state <='],
  initialize: ['Stopping', '=> VRRP Instance is stopping <='],
} as const;

/**
 * The mail that an event is worth by `smtp_alert`, in keepalived's form with the reason behind it. Of the end of the node,
 * servers and services tell with `omega` only.
 */
export function alertOf(event: VrrpEvent | LvsEvent, config: KeepalivedConfig): Alert | undefined {
  const { globalDefs } = config;
  const alert = (what: string, ...text: readonly string[]): Alert => ({
    subject: `[${globalDefs.routerId ?? hostname()}] ${what}`,
    text: `${text.join('\n')}\n`,
  });
  const stopping = 'reason' in event && event.reason === 'stopped';
  switch (event.kind) {
    case 'state-changed': {
      const instance = config.vrrpInstances.find(({ name }) => name === event.instance);
      if (instance?.smtpAlert !== true || (event.to === 'fault' && globalDefs.noEmailFaults)) return undefined;
      const [title, text] = stateTexts[event.to];
      return alert(`VRRP Instance ${event.instance} - ${title}`, text, `Reason: ${event.reason}`);
    }
    case 'real-server-up':
    case 'real-server-down': {
      const { service, server } = serverOf(event, config);
      if (service === undefined || server?.smtpAlert !== true || (stopping && !service.omega)) return undefined;
      const up = event.kind === 'real-server-up';
      return alert(
        `Realserver ${realServerName(service, server)} of virtual server ${virtualServerName(service)} - ${up ? 'UP' : 'DOWN'}`,
        stopping ? SHUTTING_DOWN : `=> CHECK ${up ? 'succeed' : 'failed'} on service <=`,
        `Reason: ${event.reason}`,
      );
    }
    case 'quorum-gained':
    case 'quorum-lost': {
      const service = config.virtualServers.find(({ key }) => key === event.service);
      if (service?.smtpAlert !== true || (stopping && !service.omega)) return undefined;
      const { quorum, hysteresis } = service;
      const gained = event.kind === 'quorum-gained';
      const sum = gained
        ? `Gained quorum ${quorum}+${hysteresis}=${quorum + hysteresis} <= ${event.weight}`
        : `Lost quorum ${quorum}-${hysteresis}=${quorum - hysteresis} > ${event.weight}`;
      return alert(
        `Virtualserver ${virtualServerName(service)} - ${gained ? 'UP' : 'DOWN'}`,
        stopping ? SHUTTING_DOWN : `=> ${sum} <=`,
      );
    }
    default:
      return undefined;
  }
}

function serverOf(
  event: { readonly service: string; readonly server: string },
  config: KeepalivedConfig,
): { service: VirtualServer | undefined; server: RealServer | undefined } {
  const service = config.virtualServers.find(({ key }) => key === event.service);
  return { service, server: service?.realServers.find(({ key }) => key === event.server) };
}

function virtualServerName({ target, protocol }: VirtualServer): string {
  if (target.kind === 'address') return `[${target.address}]:${protocol}:${target.port}`;
  return target.kind === 'fwmark' ? `FWM ${target.mark}` : `[${target.name}]:0`;
}

function realServerName({ target, protocol }: VirtualServer, { address, port }: RealServer): string {
  return `[${address}]:${target.kind === 'fwmark' ? 'none' : protocol}:${port}`;
}
