import type { LvsEvent } from '@keepfleet/ipvs';
import { type FaultCause, type TrackerType, type VirtualAddress, type VrrpEvent } from '@keepfleet/vrrp';
import type { NodeEvent } from './spool.ts';

/** An event in the words of the fleet: where it came from and when are added by the caller. */
export type EventText = Pick<NodeEvent, 'severity' | 'kind' | 'subject' | 'message' | 'attributes'>;

export function vrrpEventText(event: VrrpEvent): EventText {
  switch (event.kind) {
    case 'state-changed': {
      const causes = event.causes ?? [];
      const why = causes.length === 0 ? reasonText(event.reason) : causes.map(causeText).join(', ');
      return {
        severity: event.to === 'fault' ? 'error' : event.from === 'master' ? 'warning' : 'info',
        kind: 'vrrp.state',
        subject: event.instance,
        message: `${event.from} → ${event.to}: ${why}`,
        attributes: {
          from: event.from,
          to: event.to,
          reason: event.reason,
          priority: String(event.priority),
          ...(event.master === undefined ? {} : { master: event.master.address }),
        },
      };
    }
    case 'master-learned':
      return text(
        'info',
        'vrrp.master',
        event.instance,
        `master is ${event.master.address} with priority ${event.master.priority}`,
        {
          master: event.master.address,
          priority: String(event.master.priority),
        },
      );
    case 'priority-changed':
      return text('info', 'vrrp.priority', event.instance, `effective priority ${event.from} → ${event.to}`, {
        from: String(event.from),
        to: String(event.to),
      });
    case 'bad-packet':
      return text('warning', 'vrrp.bad-packet', event.instance, `advert from ${event.source}: ${event.detail}`, {
        error: event.error,
        source: event.source,
      });
    case 'unknown-vrid':
      return text(
        'info',
        'vrrp.unknown-vrid',
        event.interface,
        `advert for VRID ${event.vrid}, which no instance has, from ${event.source}`,
        {
          vrid: String(event.vrid),
          source: event.source,
        },
      );
    case 'lower-priority-advert':
      return text(
        'info',
        'vrrp.lower-priority',
        event.instance,
        `${event.master.address} advertises with the lower priority ${event.master.priority}`,
        {
          source: event.master.address,
        },
      );
    case 'residual-address-removed':
      return addressText(
        'warning',
        'vrrp.residual-address',
        event,
        'was left behind by an earlier run and was removed',
      );
    case 'address-restored':
      return addressText(
        'warning',
        'vrrp.address-restored',
        event,
        'had been removed by somebody else and was put back',
      );
    case 'address-missing':
      return addressText(
        'error',
        'vrrp.address-missing',
        event,
        'is not on its interface; see the agent log for what the kernel said',
      );
    case 'routing-missing':
      return text(
        'error',
        'vrrp.routing-missing',
        event.instance,
        `${event.entry.kind} ${event.entry.text} is not in the kernel's table; it is asked for every second, see the agent log for what the kernel said`,
        { [event.entry.kind]: event.entry.text },
      );
    case 'routing-restored':
      return text(
        'warning',
        'vrrp.routing-restored',
        event.instance,
        `${event.entry.kind} ${event.entry.text} had been removed and was put back`,
        { [event.entry.kind]: event.entry.text },
      );
    case 'fifo-overflow':
      return text(
        'error',
        'vrrp.fifo-overflow',
        event.path,
        `full: its reader does not keep up, and ${event.dropped} notifications are lost so far; see whether it still runs`,
        { dropped: String(event.dropped) },
      );
    case 'overslept': {
      const seconds = (event.late / 1_000_000).toFixed(1);
      const what =
        event.state === 'master'
          ? 'another router may be the master by now, so it listens for one interval before it speaks again'
          : 'the master had no chance to be heard, so it listens for one interval before it takes over';
      return text('warning', 'vrrp.overslept', event.instance, `held up for ${seconds} s as ${event.state}: ${what}`, {
        state: event.state,
        seconds,
      });
    }
    case 'fault-causes-changed':
      return text('error', 'vrrp.fault', event.instance, event.causes.map(causeText).join(', '), {});
  }
}

export function lvsEventText(event: LvsEvent): EventText {
  switch (event.kind) {
    case 'real-server-up':
      return text('info', 'lvs.real-server', event.service, `${event.server} is up: ${event.reason}`, {
        server: event.server,
        state: 'up',
      });
    case 'real-server-down':
      return text(
        event.reason === 'stopped' ? 'info' : 'error',
        'lvs.real-server',
        event.service,
        `${event.server} is down: ${event.reason}`,
        { server: event.server, state: 'down' },
      );
    case 'quorum-gained':
      return text(
        'info',
        'lvs.quorum',
        event.service,
        `quorum gained: weight ${event.weight} of ${event.quorum} wanted`,
        { state: 'up' },
      );
    case 'quorum-lost':
      return text(
        event.reason === 'stopped' ? 'info' : 'error',
        'lvs.quorum',
        event.service,
        `quorum lost: ${event.reason ?? `weight ${event.weight} of ${event.quorum} wanted`}`,
        { state: 'down' },
      );
    case 'sorry-server-in':
      return text('warning', 'lvs.sorry-server', event.service, `sorry server ${event.server} answers now`, {
        server: event.server,
        state: 'in',
      });
    case 'sorry-server-out':
      return text('info', 'lvs.sorry-server', event.service, `sorry server ${event.server} is out again`, {
        server: event.server,
        state: 'out',
      });
    case 'weight-changed':
      return text('info', 'lvs.weight', event.service, `weight of ${event.server} ${event.from} → ${event.to}`, {
        server: event.server,
        from: String(event.from),
        to: String(event.to),
      });
    case 'drift-repaired':
      return text('warning', 'lvs.drift', event.service, `changed behind our back and repaired: ${event.what}`, {});
    case 'drift-found':
      return text('warning', 'lvs.drift', event.service, `not as configured, and left so: ${event.what}`, {});
    case 'operation-refused': {
      const { place } = event;
      const where = place === null ? '' : `, which ${place} asks for`;
      const message = `the kernel refused to ${event.what}${where}: ${event.reason}`;
      return text('error', 'lvs.refused', event.service, message, place === null ? {} : { place });
    }
    case 'sync-daemon-started':
    case 'sync-daemon-stopped': {
      const { state, interface: name } = event;
      const does = state === 'master' ? 'are sent' : 'are taken';
      const message = `connections ${does} on ${name}${event.kind === 'sync-daemon-started' ? '' : ' no longer'}`;
      return text('info', 'lvs.sync-daemon', 'ipvs', message, { state, interface: name });
    }
    case 'ipvs-available':
      return text('info', 'lvs.available', 'ipvs', 'the kernel has IPVS; the services are in its table', {});
    case 'ipvs-unavailable':
      return text('error', 'lvs.available', 'ipvs', event.reason, {});
  }
}

function text(
  severity: EventText['severity'],
  kind: string,
  subject: string,
  message: string,
  attributes: Record<string, string>,
): EventText {
  return { severity, kind, subject, message, attributes };
}

function addressText(
  severity: EventText['severity'],
  kind: string,
  event: { readonly instance: string; readonly address: VirtualAddress },
  what: string,
): EventText {
  const { address, interface: name } = event.address;
  return text(severity, kind, event.instance, `${address} on ${name} ${what}`, { address, interface: name });
}

const REASONS: Readonly<Record<Extract<VrrpEvent, { kind: 'state-changed' }>['reason'], string>> = {
  started: 'started',
  stopped: 'stopped',
  removed: 'no longer configured',
  reconfigured: 'configuration changed',
  owner: 'owns the addresses (priority 255)',
  'master-down': 'no advert from a master in time',
  'higher-priority': 'a router of higher priority advertises',
  relinquished: 'told to hand over',
  group: 'follows its sync group',
  overslept: 'was held up for so long that another router may be the master',
  fault: 'cannot work',
  'fault-cleared': 'nothing in its way any more',
};

function reasonText(reason: keyof typeof REASONS): string {
  return REASONS[reason];
}

const TRACKER_NAMES: Readonly<Record<TrackerType, string>> = {
  script: 'vrrp_script',
  file: 'track_file',
  process: 'vrrp_track_process',
  bfd: 'bfd_instance',
};

export function causeText(cause: FaultCause): string {
  switch (cause.kind) {
    case 'interface-missing':
    case 'tracked-interface-missing':
      return `interface ${cause.interface} does not exist`;
    case 'interface-down':
      return `interface ${cause.interface} is down`;
    case 'tracked-interface-down':
      return `tracked interface ${cause.interface} is down`;
    case 'no-source-address':
      return `interface ${cause.interface} has no address to send from`;
    case 'static-missing':
      return `the static ${cause.entry}, which it tracks, is lost and cannot be restored`;
    case 'group-member':
      return `${cause.instance} of its sync group ${cause.group} is in fault`;
    case 'tracker-down':
      return `${TRACKER_NAMES[cause.tracker]} ${cause.name} has failed`;
    case 'tracker-unknown':
      return `${TRACKER_NAMES[cause.tracker]} ${cause.name} has not told anything yet`;
    case 'no-unicast-peer':
      return 'unicast_fault_no_peer is set and there is no unicast_peer';
    case 'no-socket':
      return `no socket could be opened on interface ${cause.interface}; see the agent log for what the kernel said`;
  }
}
