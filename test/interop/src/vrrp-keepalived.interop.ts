import { describe, it } from 'vitest';
import { scenario } from './vrrp-scenario.ts';
import { variants } from './vrrp-variants.ts';

// Our vrrp process beside Debian's keepalived and FRR on one LAN, each in turn the router of the higher priority. Needs
// root, keepalived, frr, tcpdump, tshark.

for (const peer of ['keepalived', 'frr'] as const)
  describe.concurrent(`our vrrp process beside ${peer}`, () => {
    for (const variant of variants.filter((one) => one.peer === peer)) {
      it(`is master by priority: ${variant.name}`, () => scenario(variant, true));
      it(`is backup by priority: ${variant.name}`, () => scenario(variant, false));
    }
  });
