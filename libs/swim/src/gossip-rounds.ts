import { type Instant, type RandomSource, after } from '@keepfleet/machine';
import type { Members } from './members.ts';
import type { Outbox } from './outbox.ts';
import { sample } from './sample.ts';
import type { SwimSettings } from './settings.ts';

/** Most members passed over because they were told something a moment ago: as many as one message goes to. */
const MAX_SPARED = 32;

export interface GossipRoundsParts {
  readonly settings: SwimSettings;
  readonly members: Members;
  readonly outbox: Outbox;
  readonly random: RandomSource;
}

/** While there is news, some members are told of it every gossip interval. */
export class GossipRounds {
  readonly #parts: GossipRoundsParts;
  /** Whom we told last, the latest first. */
  readonly #told: string[] = [];
  #at: Instant | undefined;

  constructor(parts: GossipRoundsParts) {
    this.#parts = parts;
  }

  settle(hasNews: boolean, now: Instant): void {
    const { settings, members } = this.#parts;
    if (hasNews && members.size > 1) this.#at ??= after(now, settings.gossipInterval);
    else this.#at = undefined;
  }

  timeout(now: Instant): void {
    if (this.#at === undefined || this.#at > now) return;
    this.#at = undefined;
    const { settings, members, outbox, random } = this.#parts;
    const audience = members.audience(now);
    // A message goes to few in all: to different ones, or some member is left out by everybody now and then.
    const spared = new Set(this.#told.slice(0, Math.max(0, audience.length - settings.gossipFanout)));
    const others = audience.filter(({ name }) => !spared.has(name));
    for (const member of sample(others, settings.gossipFanout, random)) {
      this.#told.unshift(member.name);
      outbox.gossip(member, member.state.kind === 'alive');
    }
    this.#told.length = Math.min(this.#told.length, MAX_SPARED);
  }

  nextDeadline(): Instant | undefined {
    return this.#at;
  }
}
