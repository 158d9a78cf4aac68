import { parseIp } from '@keepfleet/wire';
import type { NodeSettings, OverrideChange } from '../settings/index.ts';

/** Why a change cannot be meant for a node with these settings, or undefined. */
export function refusalOf(change: OverrideChange, settings: NodeSettings): string | undefined {
  switch (change.kind) {
    case 'vrrp-priority':
    case 'vrrp-preempt':
    case 'vrrp-accept':
    case 'vrrp-promote-secondaries': {
      const instances = settings.vrrp.instances.map((instance) => instance.name);
      return instances.includes(change.instance)
        ? undefined
        : `no vrrp_instance ${change.instance} on this node; it has ${listed(instances)}`;
    }
    case 'real-server-weight':
      return refusalOfServer(settings, change.service, change.realServer);
    case 'drain-server':
      return parseIp(change.address).ok ? undefined : `${change.address} is not an IP address`;
    case 'drain-node':
      return undefined;
  }
}

/** What the settings say of what the change changes, as the same kind of change; undefined where there is no such thing. */
export function configuredValue(change: OverrideChange, settings: NodeSettings): OverrideChange | undefined {
  switch (change.kind) {
    case 'vrrp-priority':
    case 'vrrp-preempt':
    case 'vrrp-accept': {
      const instance = settings.vrrp.instances.find((one) => one.name === change.instance);
      if (instance === undefined) return undefined;
      if (change.kind === 'vrrp-priority') return { ...change, priority: instance.priority };
      return change.kind === 'vrrp-preempt'
        ? { ...change, preempt: instance.preempt }
        : { ...change, accept: instance.accept };
    }
    case 'vrrp-promote-secondaries':
      return { ...change, promoteSecondaries: false };
    case 'real-server-weight': {
      const service = settings.lvs.virtualServers.find((server) => server.key === change.service);
      const server = service?.realServers.find((one) => one.key === change.realServer);
      return server && { ...change, weight: server.configuredWeight };
    }
    case 'drain-node':
    case 'drain-server':
      return undefined;
  }
}

/** A change in words, for events and problems. */
export function describeChange(change: OverrideChange): string {
  switch (change.kind) {
    case 'vrrp-priority':
      return `priority ${change.priority} for ${change.instance}`;
    case 'vrrp-preempt':
      return `${change.preempt ? 'preempt' : 'nopreempt'} for ${change.instance}`;
    case 'vrrp-accept':
      return `${change.accept ? 'accept' : 'no accept'} for ${change.instance}`;
    case 'vrrp-promote-secondaries':
      return `${change.promoteSecondaries ? '' : 'no '}promote_secondaries for ${change.instance}`;
    case 'real-server-weight':
      return `weight ${change.weight} for ${change.realServer} of ${change.service}`;
    case 'drain-node':
      return 'this node is drained';
    case 'drain-server':
      return `real server ${change.address}${change.port === 0 ? '' : ` port ${change.port}`} is drained`;
  }
}

function refusalOfServer({ lvs }: NodeSettings, service: string, realServer: string): string | undefined {
  const found = lvs.virtualServers.find((server) => server.key === service);
  if (found === undefined) {
    return `no virtual server ${service} on this node; it has ${listed(lvs.virtualServers.map((server) => server.key))}`;
  }
  return found.realServers.some((server) => server.key === realServer)
    ? undefined
    : `virtual server ${service} has no real server ${realServer}; it has ${listed(found.realServers.map((server) => server.key))}`;
}

function listed(names: readonly string[]): string {
  return names.join(', ') || 'none';
}
