import type { KeepalivedConfig } from '@keepfleet/config';
import type { LvsEvent } from '@keepfleet/ipvs';
import type { Notification, OwnershipNotification } from '@keepfleet/mib';
import type { VrrpEvent } from '@keepfleet/vrrp';
import { type GroupChange, type StateChange, stateAfter } from './group-states.ts';
import { type RouterHistory, errorOf } from './router-history.ts';

/** Which events managers are told of, and as what: enable_traps and the enable_snmp_* of keepalived.conf decide. */
export class Notifications {
  readonly #history: RouterHistory;

  constructor(history: RouterHistory) {
    this.#history = history;
  }

  ofVrrp(event: VrrpEvent, groups: readonly GroupChange[], config: KeepalivedConfig, now: number): Notification[] {
    const { enableTraps, snmp } = config.globalDefs;
    if (!enableTraps) return [];
    if (event.kind !== 'state-changed') return event.kind === 'bad-packet' ? badPacket(event, config) : [];
    const ofGroups = groups.map(({ group, state }) => ({ kind: 'sync-group-state', group, state }) as const);
    return [
      ...(snmp.vrrp ? [...ofGroups, instanceState(event)] : []),
      ...(event.to === 'master' ? this.#newMaster(event, config, now) : []),
    ];
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
}

function quorumAfter(event: Extract<LvsEvent, { kind: 'quorum-gained' | 'quorum-lost' }>) {
  if (event.kind === 'quorum-gained') return 'met';
  return event.reason === 'stopped' ? 'shutdown' : 'notMet';
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
