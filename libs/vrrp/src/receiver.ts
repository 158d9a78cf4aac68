import type { Instant } from '@keepfleet/machine';
import type { IpAddress } from '@keepfleet/wire';
import type { Authenticator } from './authentication.ts';
import type { Heard } from './backup.ts';
import type { Mismatch, PacketError } from './errors.ts';
import type { ReceivedPacket } from './messages.ts';
import type { Outbox } from './outbox.ts';
import { addressListMismatch, intervalMismatch, receiveAdvert } from './reception.ts';
import { Rejections } from './rejections.ts';
import type { Situation } from './situation.ts';
import type { RouterCounters } from './stats.ts';
import { OWNER_PRIORITY } from './tracking.ts';

/** Adverts of one router as they come: checked, counted, and what is wrong with them reported. */
export class Receiver {
  readonly #situation: Situation;
  readonly #authenticator: Authenticator;
  readonly #counters: RouterCounters;
  readonly #rejections: Rejections;
  readonly #outbox: Outbox;

  constructor(situation: Situation, authenticator: Authenticator, counters: RouterCounters, outbox: Outbox) {
    this.#situation = situation;
    this.#authenticator = authenticator;
    this.#counters = counters;
    this.#rejections = new Rejections(counters);
    this.#outbox = outbox;
  }

  /** The advert, if it counts. `master` is the one that this router obeys. */
  take(
    packet: ReceivedPacket,
    now: Instant,
    master: IpAddress | undefined,
  ): (Heard & { mismatches: readonly Mismatch[] }) | undefined {
    const { settings, priority } = this.#situation;
    const received = receiveAdvert(packet, this.#situation, this.#authenticator, now);
    if (!received.ok) {
      this.reject(received.error, packet.source);
      return undefined;
    }
    if (settings.ownerIgnoreAdverts === true && priority === OWNER_PRIORITY) return undefined;
    const advert = received.value;
    this.#counters.advertsReceived++;
    if (advert.priority === 0) this.#counters.priorityZeroReceived++;
    const unchecked = settings.skipCheckAdvAddr && master === packet.source;
    const mismatches = [
      intervalMismatch(advert, settings),
      unchecked ? undefined : addressListMismatch(advert, settings),
    ].filter((one) => one !== undefined);
    return { advert, source: packet.source, mismatches };
  }

  /** An advert that is neither counted nor reported: the router does not take part yet. */
  overhear(packet: ReceivedPacket, now: Instant): Heard | undefined {
    const received = receiveAdvert(packet, this.#situation, this.#authenticator, now);
    return received.ok ? { advert: received.value, source: packet.source } : undefined;
  }

  reject(error: PacketError | Mismatch, source: IpAddress): void {
    const report = this.#rejections.add(this.#situation.settings.name, error, source);
    if (report !== undefined) this.#outbox.report(report);
  }

  /** Each kind is to be reported again: the state or the master is another. */
  forgetReports(): void {
    this.#rejections.forgetReports();
  }
}
