import type { BfdSettings } from '@keepfleet/bfd';
import type { CheckerSettings } from '@keepfleet/health';
import type { LvsSettings } from '@keepfleet/ipvs';
import type { VrrpSettings } from '@keepfleet/vrrp';
import { parseIp } from '@keepfleet/wire';
import type { Override, OverrideChange } from './override.ts';

/** What the processes of a node are to do. */
export interface NodeSettings {
  readonly vrrp: VrrpSettings;
  readonly lvs: LvsSettings<CheckerSettings>;
  readonly bfd: BfdSettings;
}

export interface Overridden {
  readonly settings: NodeSettings;
  /** Overrides that name nothing this configuration has; they stay, and count again when it has it. */
  readonly withoutEffect: readonly Override[];
}

/** A drained instance is at the lowest priority that is still a router's. */
const LAST_RESORT_PRIORITY = 1;

/**
 * Settings with the overrides on top. Of two that set the same thing the later counts, but a drain always wins over a
 * priority or a weight, so that nothing set meanwhile brings a drained node or server back by accident.
 */
export function applyOverrides(settings: NodeSettings, overrides: readonly Override[]): Overridden {
  const inOrder = [
    ...overrides.filter(({ change }) => !isDrain(change)),
    ...overrides.filter(({ change }) => isDrain(change)),
  ];
  let current = settings;
  const ineffective = new Set<Override>();
  for (const override of inOrder) {
    const next = applied(current, override.change);
    if (next === undefined) ineffective.add(override);
    else current = next;
  }
  return { settings: current, withoutEffect: overrides.filter((override) => ineffective.has(override)) };
}

function isDrain(change: OverrideChange): boolean {
  return change.kind === 'drain-node' || change.kind === 'drain-server';
}

/** The settings after one change; undefined when it names nothing there. */
function applied(settings: NodeSettings, change: OverrideChange): NodeSettings | undefined {
  switch (change.kind) {
    case 'vrrp-priority':
      return withInstance(settings, change.instance, { priority: change.priority });
    case 'vrrp-preempt':
      return withInstance(settings, change.instance, { preempt: change.preempt });
    case 'vrrp-accept':
      return withInstance(settings, change.instance, { accept: change.accept });
    case 'vrrp-promote-secondaries':
      return withInstance(settings, change.instance, { promoteSecondaries: change.promoteSecondaries });
    case 'real-server-weight':
      return withWeight(
        settings,
        change.weight,
        (service, server) => service === change.service && server.key === change.realServer,
      );
    case 'drain-node':
      return {
        ...settings,
        vrrp: {
          ...settings.vrrp,
          instances: settings.vrrp.instances.map((instance) => ({
            ...instance,
            priority: LAST_RESORT_PRIORITY,
            standing: 'last-resort' as const,
          })),
        },
      };
    case 'drain-server': {
      const address = parseIp(change.address);
      return withWeight(
        settings,
        0,
        (_service, server) =>
          address.ok && server.address === address.value && (change.port === 0 || server.port === change.port),
      );
    }
  }
}

function withInstance(
  settings: NodeSettings,
  name: string,
  change:
    | { readonly priority: number }
    | { readonly preempt: boolean }
    | { readonly accept: boolean }
    | { readonly promoteSecondaries: boolean },
): NodeSettings | undefined {
  const { instances } = settings.vrrp;
  if (!instances.some((instance) => instance.name === name)) return undefined;
  const changed = instances.map((instance) => (instance.name === name ? { ...instance, ...change } : instance));
  return { ...settings, vrrp: { ...settings.vrrp, instances: changed } };
}

type Servers = NodeSettings['lvs']['virtualServers'][number]['realServers'];

function withWeight(
  settings: NodeSettings,
  weight: number,
  matches: (service: string, server: Servers[number]) => boolean,
): NodeSettings | undefined {
  let found = false;
  const virtualServers = settings.lvs.virtualServers.map((service) => {
    if (!service.realServers.some((server) => matches(service.key, server))) return service;
    found = true;
    const realServers = service.realServers.map((server) =>
      matches(service.key, server) ? { ...server, weight, weightIsSet: true } : server,
    );
    return { ...service, realServers };
  });
  return found ? { ...settings, lvs: { ...settings.lvs, virtualServers } } : undefined;
}
