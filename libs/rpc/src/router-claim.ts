import { Family, type RouterClaim, RouterState } from './generated/keepfleet/model/v1/model.ts';

/** What a node says of a virtual router, as gossip has it; `since` in milliseconds since 1970. */
export interface ClaimWords {
  readonly vrid: number;
  readonly family: 'ipv4' | 'ipv6';
  readonly address?: string | undefined;
  readonly node: string;
  readonly role: keyof typeof CLAIM_STATES;
  readonly priority: number;
  readonly since: number;
  readonly member: string;
  readonly hearsMaster: boolean;
  readonly sequence: number;
}

export const CLAIM_STATES = {
  initialize: RouterState.INITIALIZE,
  backup: RouterState.BACKUP,
  master: RouterState.MASTER,
  fault: RouterState.FAULT,
} as const;

/** The same in a message; `heardAt` by the wall clock of whoever tells it. */
export function routerClaim(claim: ClaimWords, heardAt: Date): RouterClaim {
  const { vrid, address, node, role, priority, since, member, hearsMaster, sequence } = claim;
  return {
    vrid,
    family: claim.family === 'ipv4' ? Family.IPV4 : Family.IPV6,
    address: address ?? '',
    node,
    state: CLAIM_STATES[role],
    priority,
    since: new Date(since),
    heardAt,
    member,
    hearsMaster,
    sequence: BigInt(sequence),
  };
}
