import type { Family, IpAddress } from '@keepfleet/wire';
import type { InstanceSettings } from '../grammar/vrrp-instance.ts';

interface Facts {
  readonly priority: number;
  readonly version: 2 | 3;
  readonly family: Family;
  /** The first virtual address. */
  readonly first: IpAddress | undefined;
}

const ADVERTS = 3;
const OWNER = 255;

/** Says what an instance asks for that strict mode does not have; the model has what strict mode has instead. */
export function checkStrict(
  set: Partial<InstanceSettings>,
  { priority, version, family, first }: Facts,
  warn: (field: keyof InstanceSettings, message: string) => void,
): void {
  const owner = priority === OWNER;
  if (set.state !== undefined && (set.state === 'MASTER') !== owner)
    warn('state', `in strict mode only the owner (priority 255) is MASTER, so state ${set.state} has no effect`);
  if (set.accept === true && version === 2 && !owner)
    warn('accept', 'accept has no effect in strict mode with version 2 (RFC 3768)');
  if (set.downTimerAdverts !== undefined && set.downTimerAdverts !== ADVERTS)
    warn('downTimerAdverts', `down_timer_adverts has no effect in strict mode, which counts ${ADVERTS}`);
  if (set.higherPrioritySendAdvert === true)
    warn('higherPrioritySendAdvert', 'higher_prio_send_advert has no effect in strict mode');
  if (set.lowerPriorityNoAdvert === false)
    warn('lowerPriorityNoAdvert', 'lower_prio_no_advert is on in strict mode, whatever is written');
  // RFC 9568, section 5.2.9: the first address is the link-local one of the virtual router.
  if (family === 'ipv6' && first !== undefined && !/^fe[89ab]/.test(first))
    warn('addresses', `in strict mode the first IPv6 address is a link-local one, which ${first} is not`);
}
