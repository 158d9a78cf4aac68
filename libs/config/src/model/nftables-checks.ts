import { compareIp } from '@keepfleet/wire';
import type { Diagnostics } from '../diagnostics.ts';
import type { ConfigDraft } from '../grammar/root.ts';
import type { KeepalivedConfig } from './model.ts';
import { place } from './resolve-vrrp.ts';
import type { GroupMember } from './virtual-server.ts';

/** Where what VRRP filters is, unless `nftables` names a table. */
export const FILTER_TABLE = 'keepfleet';

/** What nftables_ipvs cannot share: its table, and the addresses of its groups. */
export function checkNftables(config: KeepalivedConfig, { globals }: ConfigDraft, diagnostics: Diagnostics): void {
  const { nftables, nftablesIpvs } = config.globalDefs;
  const { nftablesIpvsTable: at } = globals.places;
  if (nftablesIpvs.table === undefined || at === undefined) return;
  if (nftablesIpvs.table === (nftables.table ?? FILTER_TABLE)) {
    const { nftablesTable: other } = globals.places;
    const whose = other === undefined ? 'unless nftables names another' : `nftables, at ${place(other)}`;
    diagnostics.error(
      'duplicate',
      at,
      `the table ${nftablesIpvs.table} is that of the filter of VRRP (${whose}); each would remove what the other has there`,
      'give nftables_ipvs a table of its own',
    );
  }
  checkOverlaps(config, diagnostics);
}

interface Marked extends Extract<GroupMember, { kind: 'addresses' }> {
  readonly group: string;
  /** Where it is in the order of the groups. */
  readonly index: number;
}

/**
 * An address with a port has one mark: nft refuses another, and with it the marks of all groups, or, for a range around an
 * address, takes both.
 */
function checkOverlaps({ virtualServers, virtualServerGroups }: KeepalivedConfig, diagnostics: Diagnostics): void {
  for (const protocol of ['tcp', 'udp', 'sctp'] as const) {
    const served = new Set(
      virtualServers.flatMap(({ target, protocol: own }) =>
        own === protocol && target.kind === 'group' ? [target.name] : [],
      ),
    );
    const marked = virtualServerGroups
      .filter(({ name }) => served.has(name))
      .flatMap(({ name, members }) => members.map((member) => ({ group: name, member })))
      .flatMap(({ group, member }, index): Marked[] =>
        member.kind === 'addresses' ? [{ ...member, group, index }] : [],
      );
    let widest: Marked | undefined;
    for (const one of marked.sort((a, b) => a.port - b.port || compareIp(a.first, b.first))) {
      if (widest === undefined || widest.port !== one.port || compareIp(one.first, widest.last) > 0) {
        widest = one;
        continue;
      }
      if (widest.group !== one.group) {
        const [earlier, later] = widest.index < one.index ? [widest, one] : [one, widest];
        diagnostics.error(
          'duplicate',
          later.at,
          `${one.first} port ${one.port} (${protocol}) is in the group ${later.group} and in ${earlier.group}, at ${place(earlier.at)}; with nftables_ipvs it can be in one only`,
        );
      }
      if (compareIp(one.last, widest.last) > 0) widest = one;
    }
  }
}
