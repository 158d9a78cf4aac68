import { hostname } from 'node:os';
import type { KeepalivedConfig, RealServer, VirtualServer } from '@keepfleet/config';
import type { LvsEvent } from '@keepfleet/ipvs';
import type { StateOfInstance } from '@keepfleet/mib';
import type { VrrpEvent } from '@keepfleet/vrrp';
import { type GroupChange, stateAfter } from '../control/group-states.ts';
import { groupRanks } from '../lvs/names.ts';

/** A mail before it is addressed. */
export interface Alert {
  readonly subject: string;
  readonly text: string;
}

const SHUTTING_DOWN = '=> Shutting down <=';

type StateTexts = readonly [title: string, ofInstance: string, ofGroup: string];

/** Nothing is said of what begins anew with other settings, nor of what is no longer in the file. */
const stateTexts: Readonly<Partial<Record<StateOfInstance, StateTexts>>> = {
  master: [
    'Entering MASTER state',
    '=> VRRP Instance is now owning VRRP VIPs <=',
    '=> All VRRP group instances are now in MASTER state <=',
  ],
  backup: [
    'Entering BACKUP state',
    '=> VRRP Instance is no longer owning VRRP VIPs <=',
    '=> All VRRP group instances are now in BACKUP state <=',
  ],
  fault: [
    'Entering FAULT state',
    '=> VRRP Instance is no longer owning VRRP VIPs <=',
    '=> All VRRP group instances are now in FAULT state <=',
  ],
  shutdown: ['Stopping', '=> VRRP Instance stopping <=', '=> All VRRP group instances are now stopping <='],
};

/**
 * The mail that an event is worth by `smtp_alert`, in keepalived's form with the reason behind it. Of the end of the node,
 * servers and services tell with `omega` only.
 */
export function alertOf(event: VrrpEvent | LvsEvent | GroupChange, config: KeepalivedConfig): Alert | undefined {
  const { globalDefs } = config;
  const alert = (what: string, ...text: readonly string[]): Alert => ({
    subject: `[${globalDefs.routerId ?? hostname()}] ${what}`,
    text: `${text.join('\n')}\n`,
  });
  const stopping = 'reason' in event && event.reason === 'stopped';
  switch (event.kind) {
    case 'state-changed': {
      const instance = config.vrrpInstances.find(({ name }) => name === event.instance);
      const texts = stateTexts[stateAfter(event)];
      if (instance?.smtpAlert !== true || texts === undefined) return undefined;
      if (event.to === 'fault' && globalDefs.noEmailFaults) return undefined;
      return alert(`VRRP Instance ${event.instance} - ${texts[0]}`, texts[1], `Reason: ${event.reason}`);
    }
    case 'group-changed': {
      const group = config.syncGroups.find(({ name }) => name === event.group);
      const texts = stateTexts[event.state];
      if (group?.smtpAlert !== true || texts === undefined) return undefined;
      if (event.state === 'fault' && globalDefs.noEmailFaults) return undefined;
      return alert(`VRRP Group ${event.group} - ${texts[0]}`, texts[2]);
    }
    case 'real-server-up':
    case 'real-server-down': {
      const { service, server } = serverOf(event, config);
      if (service === undefined || server?.smtpAlert !== true || (stopping && !service.omega)) return undefined;
      const up = event.kind === 'real-server-up';
      return alert(
        `Realserver ${realServerName(service, server)} of virtual server ${virtualServerName(service, config)} - ${up ? 'UP' : 'DOWN'}`,
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
        `Virtualserver ${virtualServerName(service, config)} - ${gained ? 'UP' : 'DOWN'}`,
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

function virtualServerName({ key, target, protocol }: VirtualServer, { virtualServers }: KeepalivedConfig): string {
  if (target.kind === 'address') return `[${target.address}]:${protocol}:${target.port}`;
  if (target.kind === 'fwmark') return `FWM ${target.mark}`;
  return `[${target.name}]:${groupRanks(virtualServers).get(key) ?? 0}`;
}

function realServerName({ target, protocol }: VirtualServer, { address, port }: RealServer): string {
  return `[${address}]:${target.kind === 'fwmark' ? 'none' : protocol}:${port}`;
}
