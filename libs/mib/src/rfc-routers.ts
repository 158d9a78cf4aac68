import { type IpAddress, familyOf, ipBytes } from '@keepfleet/wire';
import type { InstanceRow, MibRows, RouterRow } from './rows.ts';

/** An instance that the MIBs of the RFCs know. */
export interface Router {
  readonly instance: InstanceRow;
  readonly router: RouterRow;
  /** In the adverts. */
  readonly addresses: readonly IpAddress[];
}

export function routers(rows: MibRows): Router[] {
  return rows.instances.flatMap((instance) => {
    const { router } = instance;
    if (router === null || router.ifIndex === 0) return [];
    const addresses = instance.addresses
      .filter(({ advertised, address }) => advertised && familyOf(address) === router.family)
      .map(({ address }) => address);
    return addresses.length === 0 ? [] : [{ instance, router, addresses }];
  });
}

/** Routers of VRRP-MIB (RFC 2787): version 2, which is IPv4. */
export function version2(rows: MibRows): Router[] {
  return routers(rows).filter(({ instance, router }) => instance.version === 2 && router.family === 'ipv4');
}

export const OPER_STATE = { initialize: 1, backup: 2, master: 3 } as const;

export function operState({ instance }: Router): keyof typeof OPER_STATE | null {
  switch (instance.state) {
    case 'master':
    case 'backup':
      return instance.state;
    case 'unknown':
      return null;
    case 'init':
    case 'fault':
    case 'shutdown':
    case 'deleted':
      return 'initialize';
  }
}

/** 00-00-5E-00-01-VRID for IPv4, 00-00-5E-00-02-VRID for IPv6 (RFC 9568 section 7.3). */
export function virtualMac({ instance, router }: Router): Uint8Array {
  return Uint8Array.of(0, 0, 0x5e, 0, router.family === 'ipv4' ? 1 : 2, instance.vrid);
}

export function subids(address: IpAddress): number[] {
  return [...ipBytes(address)];
}
