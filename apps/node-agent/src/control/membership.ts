import { join } from 'node:path';
import type { AgentFile } from '@keepfleet/config';
import { model } from '@keepfleet/rpc';
import type { GossipEvent, GossipMember, GossipOptions } from '../gossip/index.ts';
import type { EventText } from './events.ts';

/** What gossip needs from agent.yaml; undefined when the node is not to gossip. */
export function gossipOptions(
  { gossip, labels }: AgentFile,
  node: { readonly name: string; readonly version: string; readonly stateDirectory: string },
): Omit<GossipOptions, 'onEvent'> | undefined {
  if (gossip === undefined) return undefined;
  const { site } = labels;
  return {
    bind: gossip.bind,
    advertise: gossip.advertise,
    name: node.name,
    // Kept small: all tags together are at most 512 bytes on the wire.
    tags: { role: 'agent', version: node.version, ...(site === undefined ? {} : { site }) },
    seeds: gossip.seeds.map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)),
    keyring:
      gossip.encryption === 'off' ? undefined : (gossip.keyFile ?? join(node.stateDirectory, 'gossip-keyring.json')),
    label: gossip.label,
    profile: gossip.profile,
    version: node.version,
    tunables: {
      acceptPlain: gossip.encryption === 'accept-plain' || gossip.encryption === 'send-plain',
      sendPlain: gossip.encryption === 'send-plain',
      ...(gossip.packetSize === undefined ? {} : { packetSize: gossip.packetSize }),
    },
    stateFile: join(node.stateDirectory, 'members.json'),
    identityFile: join(node.stateDirectory, 'gossip-identity.json'),
  };
}

/** The members that this node knows, without itself: of oneself one reports more than gossip does. */
export function wireMembers(members: readonly GossipMember[]): model.Member[] {
  return members
    .filter((member) => !member.self)
    .map((member) => ({
      name: member.name,
      address: member.address,
      status: member.status,
      tags: { ...member.tags },
      since: new Date(member.since),
    }));
}

const SEVERITIES: Readonly<Record<Extract<GossipEvent, { kind: 'member' }>['change'], EventText['severity']>> = {
  joined: 'info',
  updated: 'info',
  cleared: 'info',
  suspected: 'warning',
  failed: 'error',
  left: 'info',
};

/** What of gossip is news for the fleet; undefined for what is none. */
export function memberEventText(event: GossipEvent): EventText | undefined {
  if (event.kind === 'keys')
    return {
      severity: event.reason === undefined ? 'info' : 'warning',
      kind: 'gossip.keyring',
      subject: event.operation,
      message:
        event.reason === undefined
          ? `key ${event.operation} asked for by ${event.from} is done and on disk`
          : `key ${event.operation} asked for by ${event.from} was not done: ${event.reason}`,
      attributes: { operation: event.operation, from: event.from },
    };
  if (event.kind !== 'member' || event.member.self || event.change === 'updated') return undefined;
  const { member, change } = event;
  const by = member.suspectedBy.length === 0 ? '' : ` by ${member.suspectedBy.join(', ')}`;
  return {
    severity: SEVERITIES[change],
    kind: 'gossip.member',
    subject: member.name,
    message: `${member.name} at ${member.address}: ${change}${by}`,
    attributes: { change, address: member.address, how: member.source.how },
  };
}
