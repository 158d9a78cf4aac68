import { type Duration, micros } from '@keepfleet/machine';
import type { LatencySettings } from './settings.ts';

/** Of a new measurement; the others keep the rest, so that one slow answer does not shake the weights. */
const NEW = 0.3;
/** Steps of the share, so that not every answer is a change in the kernel. */
const STEP = 0.05;

/** The time that answers take, smoothed, as a share of a weight. */
export class Latency {
  readonly #settings: LatencySettings;
  #average: Duration | undefined;
  #share = 1;

  constructor(settings: LatencySettings) {
    this.#settings = settings;
  }

  get share(): number {
    return this.#share;
  }

  /** Takes how long an answer took; true when the share is another. */
  add(time: Duration): boolean {
    this.#average = this.#average === undefined ? time : micros(NEW * time + (1 - NEW) * this.#average);
    const { target, leastShare } = this.#settings;
    const exact = Math.min(1, target / Math.max(1, this.#average));
    // Close to what is in force nothing changes: no to and fro at a border.
    const whole = exact === 1 && this.#share < 1;
    if (!whole && Math.abs(exact - this.#share) < 0.8 * STEP) return false;
    const share = Math.max(leastShare, Math.min(1, Math.round(exact / STEP) * STEP), STEP);
    if (share === this.#share) return false;
    this.#share = share;
    return true;
  }
}
