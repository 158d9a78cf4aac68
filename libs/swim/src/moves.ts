import { type Duration, type Instant, after, between } from '@keepfleet/machine';
import { type Verify, claimOf, proves, sameKey } from './claim.ts';
import { type Member, isLive, isOld } from './member.ts';
import type { AliveMessage } from './packet.ts';
import type { Tags } from './settings.ts';

export interface MoveRules {
  /** Checks claims to names; without it names go by memberlist's rule alone. */
  readonly verify: Verify | undefined;
  /** How long a key has to have stood unchallenged, and a name without a key dead, µs. */
  readonly reclaim: Duration;
}

/**
 * Whether a name may be taken at another address. One with a key goes by its key alone, and only when that key has stood
 * unchallenged for a while: a stranger can lend his own to a name for the moment until its owner contradicts. Without
 * a key it is memberlist's rule: who left has given the name up, who is long dead has lost it. `isMember`: gossip tells of
 * the holder still.
 */
export function mayMove(
  held: Member,
  isMember: boolean,
  { message, tags }: { readonly message: AliveMessage; readonly tags: Tags },
  { verify, reclaim }: MoveRules,
  now: Instant,
): boolean {
  if (verify !== undefined && claimOf(held.tags) !== undefined) {
    const settled = !isLive(held) || between(after(held.keySince, reclaim), now) >= 0;
    return settled && proves(message, tags, held, verify);
  }
  if (!isMember || held.state.kind === 'left') return true;
  return held.state.kind === 'dead' && isOld(held, reclaim, now);
}

/** Whether tags are of an earlier life of the member of the newest tags: its own key, and an older claim. */
export function isEarlierLife(tags: Tags, newest: Tags): boolean {
  const [claim, last] = [claimOf(tags), claimOf(newest)];
  return claim !== undefined && last !== undefined && sameKey(newest, tags) && claim.since < last.since;
}
