import { type Instant, after, seconds } from '@keepfleet/machine';
import type { VarBind } from './value.ts';

/** Notifications that wait for a master that is away; of more the oldest is given up. */
export const MAX_QUEUED_NOTIFICATIONS = 256;

/** A master answers at once: one that does not has lost the notification, or us. */
const ANSWER_TIMEOUT = seconds(10);

/** Connections on which one notification is sent; a master that never answers it may have told managers each time. */
export const MAX_NOTIFY_ATTEMPTS = 3;

/**
 * Notifications on their way to the master, one at a time, so that their order is kept and at most the one under way can
 * reach managers twice when the connection breaks.
 */
export class NotifyQueue {
  readonly #waiting: (readonly VarBind[])[] = [];
  /** Packet id of the first one when it was sent. */
  #underWay: number | undefined;
  #attempts = 0;
  /** When the answer to the one under way has to be there. */
  deadline: Instant | undefined;
  sent = 0;
  dropped = 0;

  get length(): number {
    return this.#waiting.length;
  }

  /** False when it pushed out the oldest. */
  push(varBinds: readonly VarBind[]): boolean {
    this.#waiting.push(varBinds);
    if (this.#waiting.length <= MAX_QUEUED_NOTIFICATIONS) return true;
    // The one under way is answered yet.
    if (this.#underWay === undefined) this.#dropFirst();
    else {
      this.#waiting.splice(1, 1);
      this.dropped++;
    }
    return false;
  }

  /** Hands the next one to `send` unless one is under way. */
  advance(send: (varBinds: readonly VarBind[]) => number, now: Instant): void {
    const [first] = this.#waiting;
    if (this.#underWay !== undefined || first === undefined) return;
    this.#underWay = send(first);
    this.#attempts++;
    this.deadline = after(now, ANSWER_TIMEOUT);
  }

  /** Whether this is the answer to the one under way, which is then done with. */
  answered(packetId: number): boolean {
    if (packetId !== this.#underWay) return false;
    this.#ended();
    this.#waiting.shift();
    this.#attempts = 0;
    this.sent++;
    return true;
  }

  /** The connection is gone: what was not answered is sent again on the next. False when that was given up. */
  disconnected(): boolean {
    const wasUnderWay = this.#underWay !== undefined;
    this.#ended();
    if (!wasUnderWay || this.#attempts < MAX_NOTIFY_ATTEMPTS) return true;
    this.#dropFirst();
    return false;
  }

  #ended(): void {
    this.#underWay = undefined;
    this.deadline = undefined;
  }

  #dropFirst(): void {
    this.#waiting.shift();
    this.#attempts = 0;
    this.dropped++;
  }
}
