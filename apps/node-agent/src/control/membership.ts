import { join } from 'node:path';
import type { AgentFile } from '@keepfleet/config';
import { model } from '@keepfleet/rpc';
import type { Tags } from '@keepfleet/swim';
import type { GossipEvent, GossipMember, GossipOptions } from '../gossip/index.ts';
import type { EventText } from './events.ts';

/** What gossip needs from agent.yaml; undefined when the node is not to gossip. */
export function gossipOptions(
  { gossip, labels }: AgentFile,
  node: { readonly name: string; readonly version: string; readonly stateDirectory: string },
): Omit<GossipOptions, 'onEvent'> | undefined {
  if (gossip === undefined) return undefined;
  return {
    bind: gossip.bind,
    advertise: gossip.advertise,
    name: node.name,
    tags: agentTags({ version: node.version, site: labels['site'] }),
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

export interface TagFacts {
  readonly version: string;
  readonly site: string | undefined;
  readonly configHash?: string;
  readonly isDrained?: boolean;
  /** The controller that this node reports to now, as host:port. */
  readonly controller?: string | undefined;
}

/** All tags together are at most 512 bytes on the wire, of which the claim to the name takes 146. */
const TAG_ROOM = 360;
/** What the wire adds to the texts of a tag, at most. */
const TAG_OVERHEAD = 6;
const HASH_DIGITS = 12;

/** What everybody is to see of this node; the last ones are left out where there is no room. */
export function agentTags({ version, site, configHash = '', isDrained = false, controller }: TagFacts): Tags {
  const tags: Record<string, string> = { role: 'agent', version };
  if (site !== undefined) tags['site'] = site;
  const size = () =>
    Object.entries(tags).reduce((sum, [name, value]) => sum + Buffer.byteLength(name + value) + TAG_OVERHEAD, 0);
  for (const [name, value] of [
    ['drain', isDrained ? 'yes' : ''],
    ['config', configHash.slice(0, HASH_DIGITS)],
    ['grpc', controller ?? ''],
  ] as const)
    if (value !== '' && size() + name.length + Buffer.byteLength(value) + TAG_OVERHEAD <= TAG_ROOM) tags[name] = value;
  return tags;
}

/**
 * Controllers that other nodes report to, beside those of agent.yaml: one that moved is found without an edit on every
 * node. Only where TLS proves that it is a controller of the fleet: a tag is no proof.
 */
export function controllersToTry(
  configured: readonly string[],
  members: readonly GossipMember[],
  hasTls: boolean,
): readonly string[] {
  if (!hasTls) return configured;
  const told = members
    .filter(({ status, self }) => status === 'alive' && !self)
    .flatMap(({ tags }) => tags['grpc'] ?? []);
  return [...new Set([...configured, ...told.filter((address) => ADDRESS.test(address)).sort()])];
}

const ADDRESS = /^[A-Za-z0-9.:[\]-]{1,100}:\d{1,5}$/;

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
