import { type Instant, after, earliest, micros, millis, seconds } from '@keepfleet/machine';
import { removeAddresses } from './address-release.ts';
import type { Heard } from './backup.ts';
import type { NotifyState } from './messages.ts';
import type { Outbox } from './outbox.ts';
import type { VirtualRouterSettings } from './settings.ts';
import type { Situation } from './situation.ts';
import { skewTime } from './timers.ts';
import type { Transmitter } from './transmission.ts';

/**
 * How long the addresses are kept at most by a router that stops, and new connections held back: longer than the skew of
 * any successor of version 2, shorter than a client's second retry and than the patience of who stops the process.
 */
const LONGEST = seconds(2.5);
/** What a successor may be late by. */
const MARGIN = millis(250);
/** From the successor's first advert to its addresses and their announcement, on a busy machine. */
const LINGER = millis(100);

/**
 * Priority 0 as at the end of a master (RFC 9568 section 6.4.3), but the addresses stay until the successor has them: its
 * backups wait for their skew, and in that time nobody else would answer. Connections that are open end here, those that
 * are not go there.
 */
export class HandOver {
  readonly #situation: Situation;
  readonly #transmitter: Transmitter;
  readonly #outbox: Outbox;
  #active = false;
  #endAt: Instant | undefined;
  /** What is to be told at the end. */
  #ending: NotifyState | undefined;

  constructor(situation: Situation, transmitter: Transmitter, outbox: Outbox) {
    this.#situation = situation;
    this.#transmitter = transmitter;
    this.#outbox = outbox;
  }

  /** The addresses are kept although the router is master no more. */
  get isActive(): boolean {
    return this.#active;
  }

  /** When it ends by itself, if it does. */
  get endAt(): Instant | undefined {
    return this.#endAt;
  }

  /** The router is master no more from now on. */
  begin(now: Instant): void {
    const { settings } = this.#situation;
    const [parting, removal] = [this.#transmitter.parting(now), removeAddresses(settings)];
    // Where nobody can hear it there is no successor to wait for, and for nothing there need not be one.
    if (parting.length === 0 || removal.length === 0) return this.#outbox.push([...parting, ...removal]);
    this.#active = true;
    const addresses = settings.addresses.map((one) => one.address);
    if (addresses.length > 0) this.#outbox.push([{ kind: 'hold-connections', addresses, duration: LONGEST }]);
    this.#outbox.push(parting);
  }

  /** The router stops, so that it waits for the slowest backup and no longer. `ending` is told when all is done. */
  stop(ending: NotifyState, now: Instant): void {
    const { settings, priority } = this.#situation;
    if (!this.#active) return this.#outbox.notify(settings, ending, priority);
    const slowest = skewTime(settings.version, 1, settings.advertInterval);
    this.#endAt = earliest(this.#endAt, after(now, micros(Math.min(slowest + MARGIN, LONGEST))));
    this.#ending = ending;
  }

  /**
   * No successor is heard, and the sync group does not let this router be master again: the others of the group have so
   * long to miss theirs too. Perhaps this one is deaf, and the addresses are elsewhere by now.
   */
  endBy(at: Instant): void {
    if (this.#active) this.#endAt = earliest(this.#endAt, at);
  }

  /** An advert that passed the checks on receipt. */
  hear({ advert }: Heard, now: Instant): void {
    if (!this.#active || advert.priority === 0) return;
    this.#endAt = earliest(this.#endAt, canLinger(this.#situation.settings) ? after(now, LINGER) : now);
    this.timeout(now);
  }

  timeout(now: Instant): void {
    if (this.#endAt !== undefined && this.#endAt <= now) this.end();
  }

  /** The addresses go, if they were kept. */
  end(): void {
    if (!this.#active) return;
    const { settings, priority } = this.#situation;
    const ending = this.#ending;
    this.#outbox.push(removeAddresses(settings));
    this.cancel();
    if (ending !== undefined) this.#outbox.notify(settings, ending, priority);
  }

  /** The router is master again, with the addresses that never left. */
  cancel(): void {
    if (!this.#active) return;
    const addresses = this.#situation.settings.addresses.map((one) => one.address);
    if (addresses.length > 0) this.#outbox.push([{ kind: 'release-connections', addresses }]);
    this.forget();
  }

  /** Everything stays as it is. */
  forget(): void {
    this.#active = false;
    this.#endAt = undefined;
    this.#ending = undefined;
  }
}

/**
 * For a moment both have the addresses, so that what arrives before the successor's announcement is answered. Not with a
 * virtual MAC, which would move back with every answer, nor where the successor would find a duplicate.
 */
function canLinger({ virtualInterface, addressInterfaces, addresses }: VirtualRouterSettings): boolean {
  const made = virtualInterface !== undefined || (addressInterfaces ?? []).length > 0;
  return !made && addresses.every(({ dad }) => dad !== true);
}
