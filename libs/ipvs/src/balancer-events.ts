import type { VirtualServerGroupSettings } from './settings.ts';
import type { LvsEvent } from './messages.ts';
import { serviceKey } from './model.ts';
import { type VirtualServerState, currentWeight, liveWeight, realServersUp, sorryInUse } from './virtual-server.ts';

export interface EventOutput {
  readonly kind: 'event';
  readonly event: LvsEvent;
}

/** Two virtual servers may stand for one kernel service (a group and an address); the first in the configuration has it. */
export function ownersOf(states: Iterable<VirtualServerState>): Map<string, string> {
  const owners = new Map<string, string>();
  for (const { settings, services } of states) {
    for (const id of services) {
      const key = serviceKey(id);
      if (!owners.has(key)) owners.set(key, settings.key);
    }
  }
  return owners;
}

export function placeText(place: string | null): string {
  return place === null ? '' : ` (${place})`;
}

export function weightEvents(before: VirtualServerState, after: VirtualServerState): EventOutput[] {
  const outputs: EventOutput[] = [];
  for (const [server, state] of after.servers) {
    const known = before.servers.get(server);
    const from = known && currentWeight(known);
    const to = currentWeight(state);
    if (from === undefined || from === to) continue;
    outputs.push({ kind: 'event', event: { kind: 'weight-changed', service: after.settings.key, server, from, to } });
  }
  return outputs;
}

export function quorumEvents(before: VirtualServerState, after: VirtualServerState): EventOutput[] {
  const outputs: EventOutput[] = [];
  const service = after.settings.key;
  if (before.quorumUp !== after.quorumUp) {
    const kind = after.quorumUp ? 'quorum-gained' : 'quorum-lost';
    const { quorum } = after.settings;
    outputs.push({
      kind: 'event',
      event: { kind, service, weight: liveWeight(after), quorum, realServersUp: realServersUp(after) },
    });
  }
  const from = sorryInUse(before) ? before.settings.sorryServer?.key : undefined;
  const to = sorryInUse(after) ? after.settings.sorryServer?.key : undefined;
  if (from !== to && from !== undefined)
    outputs.push({ kind: 'event', event: { kind: 'sorry-server-out', service, server: from } });
  if (from !== to && to !== undefined)
    outputs.push({ kind: 'event', event: { kind: 'sorry-server-in', service, server: to } });
  return outputs;
}

/** Groups are few and small beside the servers; they come anew with each configuration. */
export function sameGroups(
  a: readonly VirtualServerGroupSettings[],
  b: readonly VirtualServerGroupSettings[],
): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

export function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each));
}
