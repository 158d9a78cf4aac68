import { describe, it } from 'vitest';
import { scenario } from './vrrp-scenario.ts';
import type { Variant } from './vrrp-stand.ts';

// Our vrrp process beside Debian's keepalived and FRR on one LAN, each in turn the router of the higher priority. Needs
// root, keepalived, frr, tcpdump, tshark.

const four = { family: 'ipv4', address: '198.51.100.15', prefix: 24 } as const;
const six = { version: 3, family: 'ipv6', advertMs: 300, address: 'fe80::1:15', prefix: 64 } as const;
const second = { ...four, version: 2, advertMs: 1_000 } as const;
const third = { ...four, version: 3, advertMs: 300 } as const;

const variants: readonly Variant[] = [
  { ...second, peer: 'keepalived', name: 'version 2 without authentication' },
  { ...second, peer: 'keepalived', name: 'version 2 with password', password: 's3cret' },
  { ...second, peer: 'keepalived', name: 'version 2 with AH', password: 's3cret', ah: true },
  { ...second, peer: 'keepalived', name: 'version 2 with AH by unicast', password: 's3cret', ah: true, unicast: true },
  { ...second, peer: 'keepalived', name: 'version 2 by virtual MAC', vmac: true },
  { ...third, peer: 'keepalived', name: 'version 3' },
  { ...third, peer: 'keepalived', name: 'version 3 by unicast', unicast: true },
  { ...six, peer: 'keepalived', name: 'version 3 over IPv6' },
  { ...six, peer: 'keepalived', name: 'version 3 over IPv6 by virtual MAC', vmac: true },
  { ...six, peer: 'keepalived', name: 'version 3 over IPv6 by unicast', unicast: true },
  { ...second, peer: 'frr', name: 'version 2', vmac: true },
  { ...third, peer: 'frr', name: 'version 3', vmac: true },
  { ...six, peer: 'frr', name: 'version 3 over IPv6', vmac: true },
];

for (const peer of ['keepalived', 'frr'] as const)
  describe.concurrent(`our vrrp process beside ${peer}`, { timeout: 400_000 }, () => {
    for (const variant of variants.filter((one) => one.peer === peer)) {
      it(`is master by priority: ${variant.name}`, () => scenario(variant, true));
      it(`is backup by priority: ${variant.name}`, () => scenario(variant, false));
    }
  });
