import type { AddressRow } from '@keepfleet/mib';

/** Kernel numbers of rt_scope_t as iproute2 names them. */
export const SCOPES: Readonly<Record<number, AddressRow['scope']>> = {
  0: 'global',
  200: 'site',
  253: 'link',
  254: 'host',
  255: 'nowhere',
};
