import type { Variant } from './vrrp-stand.ts';

// The ways in which two routers can speak VRRP with each other: every one that keepalived 2.2.7 and FRR vrrpd can.

const four = { family: 'ipv4', address: '198.51.100.15', prefix: 24 } as const;
const six = { version: 3, family: 'ipv6', advertMs: 300, address: 'fe80::1:15', prefix: 64 } as const;
const second = { ...four, version: 2, advertMs: 1_000 } as const;
const third = { ...four, version: 3, advertMs: 300 } as const;
const password = { password: 's3cret' } as const;
const header = { ...password, ah: true } as const;
const [keepalived, frr] = [{ peer: 'keepalived' }, { peer: 'frr' }] as const;
const [unicast, vmac] = [{ unicast: true }, { vmac: true }] as const;

/** Those of every check. */
export const variants: readonly Variant[] = [
  { ...second, ...keepalived, name: 'version 2 without authentication' },
  { ...second, ...keepalived, name: 'version 2 with password', ...password },
  { ...second, ...keepalived, name: 'version 2 with AH', ...header },
  { ...second, ...keepalived, name: 'version 2 with AH by unicast', ...header, ...unicast },
  { ...second, ...keepalived, name: 'version 2 by virtual MAC', ...vmac },
  { ...third, ...keepalived, name: 'version 3' },
  { ...third, ...keepalived, name: 'version 3 by unicast', ...unicast },
  { ...six, ...keepalived, name: 'version 3 over IPv6' },
  { ...six, ...keepalived, name: 'version 3 over IPv6 by virtual MAC', ...vmac },
  { ...six, ...keepalived, name: 'version 3 over IPv6 by unicast', ...unicast },
  { ...second, ...frr, name: 'version 2', ...vmac },
  { ...third, ...frr, name: 'version 3', ...vmac },
  { ...six, ...frr, name: 'version 3 over IPv6', ...vmac },
];

/** The rest of the matrix. */
export const moreVariants: readonly Variant[] = [
  { ...second, ...keepalived, name: 'version 2 by unicast', ...unicast },
  { ...second, ...keepalived, name: 'version 2 with password by unicast', ...password, ...unicast },
  { ...second, ...keepalived, name: 'version 2 with password by virtual MAC', ...password, ...vmac },
  { ...second, ...keepalived, name: 'version 2 with AH by virtual MAC', ...header, ...vmac },
  { ...third, ...keepalived, name: 'version 3 by virtual MAC', ...vmac },
  { ...second, ...frr, name: 'version 2, ours without virtual MAC' },
  { ...third, ...frr, name: 'version 3, ours without virtual MAC' },
  { ...six, ...frr, name: 'version 3 over IPv6, ours without virtual MAC' },
];
