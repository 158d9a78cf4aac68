import type { KeepalivedConfig } from '@keepfleet/config';
import type { LvsEvent } from '@keepfleet/ipvs';
import type { Notification, OwnershipNotification, StateOfInstance } from '@keepfleet/mib';
import type { VrrpEvent } from '@keepfleet/vrrp';
import { groupState } from './mib-rows.ts';
import { type RouterHistory, errorOf } from './router-history.ts';

type StateChange = Extract<VrrpEvent, { kind: 'state-changed' }>;

/** Which events managers are told of, and as what: enable_traps and the enable_snmp_* of keepalived.conf decide. */
export class Notifications {
  readonly #history: RouterHistory;
  readonly #states = new Map<string, StateOfInstance>();
  readonly #groups = new Map<string, StateOfInstance>();

  constructor(history: RouterHistory) {
    this.#history = history;
  }

  ofVrrp(event: VrrpEvent, config: KeepalivedConfig, now: number): Notification[] {
    const { enableTraps, snmp } = config.globalDefs;
    if (event.kind === 'state-changed') {
      const groups = this.#changedGroups(event, config);
      if (!enableTraps) return [];
      return [
        ...(snmp.vrrp ? [...groups, instanceState(event)] : []),
        ...(event.to === 'master' ? this.#newMaster(event, config, now) : []),
      ];
    }
    return event.kind === 'bad-packet' && enableTraps ? badPacket(event, config) : [];
  }

  ofLvs(event: LvsEvent, config: KeepalivedConfig): Notification[] {
    const { enableTraps, snmp } = config.globalDefs;
    if (!enableTraps || !snmp.checker) return [];
    switch (event.kind) {
      case 'real-server-up':
      case 'real-server-down':
        return [
          {
            kind: 'real-server-state',
            virtualServer: event.service,
            realServer: event.server,
            up: event.kind === 'real-server-up',
            realServersUp: event.realServersUp,
          },
        ];
      case 'quorum-gained':
      case 'quorum-lost':
        return [
          {
            kind: 'quorum-state',
            virtualServer: event.service,
            state: quorumAfter(event),
            realServersUp: event.realServersUp,
          },
        ];
      default:
        return [];
    }
  }

  /** Of our own MIB: asked for with keepalived's, since whoever wants to know of every change wants this the more. */
  ofOwnership(notification: OwnershipNotification, { globalDefs }: KeepalivedConfig): Notification[] {
    return globalDefs.enableTraps && globalDefs.snmp.vrrp ? [notification] : [];
  }

  /** The RFCs' MIBs tell of it too, each for the versions that it has. */
  #newMaster({ instance }: StateChange, { globalDefs, vrrpInstances }: KeepalivedConfig, now: number): Notification[] {
    const router = vrrpInstances.find(({ name }) => name === instance);
    const reason = this.#history.of(instance, now).newMasterReason;
    return [
      ...(globalDefs.snmp.rfcV2 && router?.version === 2 && router.family === 'ipv4'
        ? [{ kind: 'new-master-v2', instance } as const]
        : []),
      ...(globalDefs.snmp.rfcV3 ? [{ kind: 'new-master-v3', instance, reason } as const] : []),
    ];
  }

  #changedGroups(event: StateChange, { syncGroups }: KeepalivedConfig): Notification[] {
    this.#states.set(event.instance, stateAfter(event));
    return syncGroups.flatMap((group): Notification[] => {
      if (!group.members.includes(event.instance)) return [];
      const members = group.members.map((name) => this.#states.get(name) ?? 'init');
      const state = stateAfter(event) === 'shutdown' ? 'shutdown' : groupState(members);
      if (this.#groups.get(group.name) === state) return [];
      this.#groups.set(group.name, state);
      return state === 'init' ? [] : [{ kind: 'sync-group-state', group: group.name, state }];
    });
  }
}

function quorumAfter(event: Extract<LvsEvent, { kind: 'quorum-gained' | 'quorum-lost' }>) {
  if (event.kind === 'quorum-gained') return 'met';
  return event.reason === 'stopped' ? 'shutdown' : 'notMet';
}

function stateAfter(event: StateChange): StateOfInstance {
  if (event.reason === 'stopped') return 'shutdown';
  if (event.reason === 'removed') return 'deleted';
  return event.to === 'initialize' ? 'init' : event.to;
}

function instanceState(event: StateChange): Notification {
  return { kind: 'instance-state', instance: event.instance, state: stateAfter(event) };
}

function badPacket(
  { instance, error, source }: Extract<VrrpEvent, { kind: 'bad-packet' }>,
  { globalDefs }: KeepalivedConfig,
): Notification[] {
  const protocolError = errorOf(error);
  if (protocolError !== undefined) {
    return globalDefs.snmp.rfcV3 ? [{ kind: 'protocol-error', instance, error: protocolError }] : [];
  }
  if (!globalDefs.snmp.rfcV2) return [];
  if (error === 'auth-type-unknown') return [{ kind: 'auth-failure', instance, source, error: 'invalidAuthType' }];
  if (error === 'auth-type') return [{ kind: 'auth-failure', instance, source, error: 'authTypeMismatch' }];
  return error === 'auth-failure' ? [{ kind: 'auth-failure', instance, source, error: 'authFailure' }] : [];
}
