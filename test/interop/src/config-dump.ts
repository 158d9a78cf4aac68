import type { KeepalivedConfig, UnicastPeer, VirtualAddress, VrrpInstance } from '@keepfleet/config';

/** What a dump of keepalived and a model of ours both say of an instance, in the same words. */
export type InstanceFacts = Readonly<Record<string, string | readonly string[]>>;

const LISTS: Readonly<Record<string, string>> = {
  'Virtual IP': 'addresses',
  'Virtual IP Excluded': 'excluded',
  'Unicast Peer': 'peers',
  'Tracked interfaces': 'tracked',
};
const FIELDS = new Set([
  ...['VRRP Version', 'Wantstate', 'Interface', 'Multicast address', 'Down timer adverts', 'Virtual Router ID'],
  ...['Gratuitous ARP delay', 'Gratuitous ARP repeat', 'Gratuitous ARP refresh', 'Gratuitous ARP refresh repeat'],
  ...['Gratuitous ARP lower priority delay', 'Gratuitous ARP lower priority repeat', 'Priority', 'Advert interval'],
  ...['Send advert after receive lower priority advert', 'Send advert after receive higher priority advert'],
  ...['Accept', 'Preempt', 'Preempt delay', 'Authentication type', 'Password', 'Unicast TTL', 'Sync group'],
  ...['Using smtp notification'],
]);

/** The section "VRRP Topology" of what `keepalived -d` prints, by instance; undefined where it ended before. */
export function dumpedInstances(lines: readonly string[]): Readonly<Record<string, InstanceFacts>> | undefined {
  const instances: Record<string, Record<string, string | string[]>> = {};
  let current: Record<string, string | string[]> | undefined;
  let list: string[] | undefined;
  const start = lines.findIndex((line) => line.includes('< VRRP Topology >'));
  if (start < 0) return undefined;
  for (const line of lines.slice(start + 1)) {
    if (line.startsWith('------<')) break;
    // Every line of the section is indented; one that is not was logged by another of its processes in between.
    if (!line.startsWith(' ')) continue;
    const name = /^ VRRP Instance = (.*)$/.exec(line)?.[1];
    if (name !== undefined) {
      current = instances[name] = {};
      continue;
    }
    const item = /^ {5}(\S.*)$/.exec(line)?.[1];
    if (item !== undefined) {
      list?.push(item.trim());
      continue;
    }
    list = undefined;
    const heading = /^ {3}(\w[\w ]*?)(?: \(\d+\))? ?:$/.exec(line.trimEnd())?.[1];
    const key = heading === undefined ? undefined : LISTS[heading];
    if (key !== undefined && current !== undefined) {
      current[key] = list = [];
      continue;
    }
    const [, field, value = ''] = /^ {3}([\w ]+?)(?: = | (?=[\dA-Fa-f:.]+(?:,|$)))(.*)$/.exec(line) ?? [];
    if (field !== undefined && current !== undefined && FIELDS.has(field)) current[field] = value.trim();
  }
  return instances;
}

/** The same of our model. */
export function modelledInstances(config: KeepalivedConfig): Readonly<Record<string, InstanceFacts>> {
  const groupOf = new Map(config.syncGroups.flatMap(({ name, members }) => members.map((member) => [member, name])));
  const weighted = new Set(config.syncGroups.filter((group) => group.trackingWeight).map(({ name }) => name));
  return Object.fromEntries(
    config.vrrpInstances.map((instance) => {
      const group = groupOf.get(instance.name);
      return [instance.name, factsOf(instance, group, group === undefined || weighted.has(group))];
    }),
  );
}

const SECOND = 1_000_000;

function factsOf(instance: VrrpInstance, group: string | undefined, weights: boolean): InstanceFacts {
  const { garp, authentication, version, family, unicastPeers, addresses, excludedAddresses } = instance;
  const tracked = instance.trackInterfaces.filter(({ name }) => name !== instance.interface);
  const enabled = (on: boolean) => (on ? 'enabled' : 'disabled');
  return {
    'VRRP Version': String(version),
    ...(group === undefined ? {} : { 'Sync group': group }),
    Wantstate: instance.initialState.toUpperCase(),
    Interface: instance.interface,
    ...(unicastPeers.length > 0
      ? {
          // It prints no hop limit.
          ...(family === 'ipv4' ? { 'Unicast TTL': String(instance.unicastTtl) } : {}),
          peers: unicastPeers.map(peerText),
        }
      : { 'Multicast address': String(instance.multicastGroup) }),
    'Gratuitous ARP delay': String(garp.masterDelay / SECOND),
    'Gratuitous ARP repeat': String(garp.masterRepeat),
    'Gratuitous ARP refresh': String(garp.masterRefresh / SECOND),
    'Gratuitous ARP refresh repeat': String(garp.masterRefreshRepeat),
    'Gratuitous ARP lower priority delay': String(garp.lowerPriorityDelay / SECOND),
    'Gratuitous ARP lower priority repeat': String(garp.lowerPriorityRepeat),
    'Down timer adverts': String(instance.downTimerAdverts),
    'Send advert after receive lower priority advert': String(!instance.lowerPriorityNoAdvert),
    'Send advert after receive higher priority advert': String(instance.higherPrioritySendAdvert),
    'Virtual Router ID': String(instance.virtualRouterId),
    Priority: String(instance.priority),
    'Advert interval':
      version === 2 ? `${instance.advertInterval / SECOND} sec` : `${instance.advertInterval / 1_000} milli-sec`,
    Accept: enabled(instance.accept),
    Preempt: enabled(instance.preempt),
    ...(instance.preemptDelay === 0 ? {} : { 'Preempt delay': `${instance.preemptDelay / SECOND} secs` }),
    ...(version === 2 && family === 'ipv4' ? { 'Authentication type': authText(authentication) } : {}),
    // It does not print that of AH.
    ...(authentication?.type === 'PASS' ? { Password: authentication.password } : {}),
    ...(addresses.length === 0 ? {} : { addresses: addresses.map(addressText) }),
    ...(excludedAddresses.length === 0 ? {} : { excluded: excludedAddresses.map(addressText) }),
    ...(tracked.length === 0
      ? {}
      : {
          tracked: tracked.map(
            ({ name, weight = 0, reverse }) => `${name} weight ${weights ? weight : 0}${reverse ? ' reverse' : ''}`,
          ),
        }),
    'Using smtp notification': instance.smtpAlert ? 'yes' : 'no',
  };
}

function authText(authentication: VrrpInstance['authentication']): string {
  if (authentication === undefined) return 'none';
  return authentication.type === 'PASS' ? 'SIMPLE_PASSWORD' : 'IPSEC_AH';
}

function peerText({ address, minTtl, maxTtl }: UnicastPeer): string {
  return `${address} min_ttl ${minTtl} max_ttl ${maxTtl}`;
}

const SCOPES: Readonly<Record<number, string>> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host' };

function addressText(line: VirtualAddress): string {
  const { address, prefixLength, peer, broadcast, scope = 0, label, preferredLifetime } = line;
  const ipv6 = address.includes(':');
  const own = ipv6 ? 128 : 32;
  return [
    peer === undefined && prefixLength !== own ? `${address}/${prefixLength}` : address,
    ...(peer === undefined ? [] : [`peer ${peer.address}/${peer.prefixLength}`]),
    ...(broadcast === undefined ? [] : [`brd ${broadcast}`]),
    `dev ${line.interface}`,
    `scope ${SCOPES[scope] ?? scope}`,
    ...(label === undefined ? [] : [`label ${label}`]),
    ...(ipv6 && !line.noDad ? ['-nodad'] : []),
    ...(line.home ? ['home'] : []),
    ...(ipv6 ? [preferredLifetime === 0 ? 'deprecated' : `preferred_lft ${preferredLifetime}`] : []),
    ...(line.tracked ? [] : ['no_track']),
  ].join(' ');
}

/** Keywords that run programs; a file with one of them is not started with. */
const RUNS_PROGRAMS = /script|notify|misc_path|quorum_(?:up|down)|vrrp_track_process|namespace/;

/** Whether keepalived may be started with a file of strangers. */
export function mayStart(text: string): boolean {
  return !RUNS_PROGRAMS.test(text.replace(/^\s*[#!].*$/gm, ''));
}
