import { type Duration, type Instant, instant } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';
import { VrrpNode } from './node.ts';
import { type VirtualRouterSettings, virtualRouter } from './settings.ts';

const DEVICE = 'rehearsal';
const MOST_STEPS = 20;

/**
 * A takeover that only this process sees. The first time that code runs costs milliseconds, and a backup would pay them
 * between the death of its master and its first advert.
 */
export function rehearseTakeover(): void {
  const node = new VrrpNode();
  let now: Instant = instant(0);
  const addresses = [ip('192.0.2.9'), ip('fe80::9')].map((address) => ({ address, prefix: 24 }));
  node.handle({ kind: 'interface', interface: { name: DEVICE, index: 1, up: true, addresses } }, now);
  const instances = [rehearsed(1, { version: 2 }), rehearsed(2, { version: 3 }), rehearsed(3, { family: 'ipv6' })];
  node.handle({ kind: 'configure', settings: { startupDelay: 0 as Duration, logUnknownVrids: false, instances } }, now);
  for (let step = 0; step < MOST_STEPS && node.states().includes('backup'); step++) {
    now = node.nextDeadline() ?? now;
    for (const output of node.timeout(now))
      // As from another, with a lower address: what is heard is rehearsed too.
      if (output.kind === 'send')
        node.handle({ ...output, kind: 'packet', source: ip(output.family === 'ipv4' ? '192.0.2.1' : 'fe80::1') }, now);
  }
  node.handle({ kind: 'stop', mode: 'release' }, now);
}

function rehearsed(vrid: number, given: Partial<VirtualRouterSettings>): VirtualRouterSettings {
  const address = ip(given.family === 'ipv6' ? 'fe80::2' : '198.51.100.1');
  const virtual = { address, prefix: 24, interface: DEVICE, advertised: true, scope: 0 };
  return virtualRouter({ name: `rehearsal ${vrid}`, vrid, interface: DEVICE, addresses: [virtual], ...given });
}
