import { compareIp } from '@keepfleet/wire';
import type { Diagnostics } from '../diagnostics.ts';
import type { KeepalivedConfig } from './model.ts';
import { place } from './resolve-vrrp.ts';
import type { GroupMember, VirtualServer } from './virtual-server.ts';

type Addresses = Omit<Extract<GroupMember, { kind: 'addresses' }>, 'at' | 'kind'>;

interface Wanted extends Addresses {
  readonly server: VirtualServer;
  /** Where the server is in the order of the file. */
  readonly index: number;
}

/**
 * The kernel has one service of an address, port and protocol, and one of a mark. Two virtual servers can ask for the same one
 * by a group; the first in the file has it. With nftables_ipvs the addresses of groups are none.
 */
export function checkSharedServices(config: KeepalivedConfig, diagnostics: Diagnostics): void {
  const { virtualServers, globalDefs } = config;
  if (!virtualServers.some(({ target }) => target.kind === 'group')) return;
  const shared = new SharedServices();
  addMarks(config, shared);
  if (globalDefs.nftablesIpvs.table === undefined) addAddresses(config, shared);
  shared.report(diagnostics);
}

/** Groups can share thousands of members: of two virtual servers there is one thing to say. */
class SharedServices {
  readonly #pairs = new Map<VirtualServer, Map<VirtualServer, { readonly first: string; more: number }>>();

  add(owner: VirtualServer, server: VirtualServer, what: string): void {
    const ofServer = this.#pairs.get(server) ?? new Map<VirtualServer, { readonly first: string; more: number }>();
    this.#pairs.set(server, ofServer);
    const pair = ofServer.get(owner);
    if (pair === undefined) ofServer.set(owner, { first: what, more: 0 });
    else pair.more++;
  }

  report(diagnostics: Diagnostics): void {
    for (const [server, owners] of this.#pairs) {
      for (const [owner, { first, more }] of owners) {
        const what = more === 0 ? `${first} is that` : `${first} and ${more} more are those`;
        diagnostics.warning(
          'duplicate',
          server.at,
          `${server.key}: ${what} of ${owner.key} already, at ${place(owner.at)}; what is sent there goes to its servers alone`,
          'name all of them in one virtual_server, or give it other addresses',
        );
      }
    }
  }
}

function addAddresses(config: KeepalivedConfig, shared: SharedServices): void {
  const { virtualServers } = config;
  for (const protocol of ['tcp', 'udp', 'sctp'] as const) {
    const wanted = virtualServers.flatMap((server, index): Wanted[] =>
      server.protocol === protocol ? addressesOf(server, config).map((one) => ({ ...one, server, index })) : [],
    );
    let widest: Wanted | undefined;
    for (const one of wanted.sort((a, b) => a.port - b.port || compareIp(a.first, b.first))) {
      const isApart = widest?.port !== one.port || compareIp(one.first, widest.last) > 0;
      if (widest !== undefined && !isApart && widest.index !== one.index) {
        const [earlier, later] = widest.index < one.index ? [widest.server, one.server] : [one.server, widest.server];
        shared.add(earlier, later, `${one.first} port ${one.port}`);
      }
      if (widest === undefined || isApart || compareIp(one.last, widest.last) > 0) widest = one;
    }
  }
}

function addMarks(config: KeepalivedConfig, shared: SharedServices): void {
  const owners = new Map<string, VirtualServer>();
  for (const server of config.virtualServers) {
    for (const mark of marksOf(server, config)) {
      const owner = owners.get(mark);
      if (owner === undefined) owners.set(mark, server);
      // As of name servers, whose TCP and UDP are of one group.
      else if (owner !== server && !haveSameServers(owner, server)) shared.add(owner, server, mark);
    }
  }
}

function addressesOf({ target }: VirtualServer, { virtualServerGroups }: KeepalivedConfig): readonly Addresses[] {
  if (target.kind === 'fwmark') return [];
  if (target.kind === 'address') return [{ first: target.address, last: target.address, port: target.port }];
  const { members = [] } = virtualServerGroups.find(({ name }) => name === target.name) ?? {};
  return members.filter((member) => member.kind === 'addresses');
}

function marksOf({ target, family }: VirtualServer, { virtualServerGroups }: KeepalivedConfig): readonly string[] {
  const text = (mark: number, own = family) => `fwmark ${mark}${own === 'ipv6' ? ' (IPv6)' : ''}`;
  if (target.kind === 'address') return [];
  if (target.kind === 'fwmark') return [text(target.mark, target.family)];
  const { members = [] } = virtualServerGroups.find(({ name }) => name === target.name) ?? {};
  return members.flatMap((member) => (member.kind === 'fwmark' ? [text(member.mark, member.family)] : []));
}

function haveSameServers(a: VirtualServer, b: VirtualServer): boolean {
  const keys = ({ realServers }: VirtualServer) =>
    realServers
      .map(({ key }) => key)
      .sort()
      .join();
  return keys(a) === keys(b);
}
