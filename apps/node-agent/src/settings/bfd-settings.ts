import { BFD_TTL, type BfdSettings, type SessionSettings } from '@keepfleet/bfd';
import type { BfdInstance, KeepalivedConfig } from '@keepfleet/config';
import { micros } from '@keepfleet/machine';
import { familyOf } from '@keepfleet/wire';
import { schedulingSettings } from './scheduling-settings.ts';

/** What keepalived sends with over IPv6 where nothing is configured, although RFC 5881 wants 255. */
const KEEPALIVED_HOP_LIMIT = 64;
const ANY_HOPS = 255;

/** What the bfd process is to do. */
export function bfdSettings(config: KeepalivedConfig): BfdSettings {
  return {
    sessions: config.bfdInstances.map(sessionSettings),
    ...schedulingSettings('bfd', config),
  };
}

function sessionSettings(instance: BfdInstance): SessionSettings {
  const { name, neighbor, source, ttl, maxHops, multihop } = instance;
  // Sent with 255 it reaches every neighbour; taken is what keepalived's own default sends too.
  const expected = ttl ?? (familyOf(neighbor) === 'ipv4' ? BFD_TTL : KEEPALIVED_HOP_LIMIT);
  return {
    name,
    neighbor,
    ...(source === undefined ? {} : { source }),
    hops: multihop ? 'multi' : 'single',
    passive: instance.passive,
    desiredMinTx: micros(instance.minTx),
    requiredMinRx: micros(instance.minRx),
    idleTx: micros(instance.idleTx),
    detectMult: instance.multiplier,
    ttl: ttl ?? BFD_TTL,
    leastTtl: maxHops === ANY_HOPS ? 0 : expected - maxHops,
  };
}
