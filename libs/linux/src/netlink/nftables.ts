import { AttributeWriter } from './attributes.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink-socket.ts';

// include/uapi/linux/netfilter/nfnetlink.h and nf_tables.h
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_GETRULE = 7;
const NFTA_RULE_TABLE = 1;
const NFPROTO = { ip: 2, ip6: 10 } as const;

/** How many rules a table of nftables has, in all of its chains; none where there is no such table. */
export function countNftRules(family: keyof typeof NFPROTO, table: string): number {
  const socket = new NetlinkSocket(NETLINK_NETFILTER);
  try {
    const replies = socket.dump({
      type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETRULE,
      // struct nfgenmsg: family, version, resource
      header: Uint8Array.of(NFPROTO[family], 0, 0, 0),
      payload: new AttributeWriter().text(NFTA_RULE_TABLE, table).finish(),
      about: `list the rules of ${family} ${table}`,
    });
    return replies.filter(({ type }) => type === ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWRULE)).length;
  } finally {
    socket.close();
  }
}
