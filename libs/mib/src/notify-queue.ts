import type { VarBind } from './value.ts';

/** Notifications that wait for a master that is away; of more the oldest is given up. */
export const MAX_QUEUED_NOTIFICATIONS = 256;

/**
 * Notifications on their way to the master, one at a time, so that their order is kept and at most the one under way can
 * reach managers twice when the connection breaks.
 */
export class NotifyQueue {
  readonly #waiting: (readonly VarBind[])[] = [];
  /** Packet id of the first one when it was sent. */
  #underWay: number | undefined;
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
    this.#waiting.splice(this.#underWay === undefined ? 0 : 1, 1);
    this.dropped++;
    return false;
  }

  /** Hands the next one to `send` unless one is under way. */
  advance(send: (varBinds: readonly VarBind[]) => number): void {
    const [first] = this.#waiting;
    if (this.#underWay === undefined && first !== undefined) this.#underWay = send(first);
  }

  /** Whether this is the answer to the one under way, which is then done with. */
  answered(packetId: number): boolean {
    if (packetId !== this.#underWay) return false;
    this.#underWay = undefined;
    this.#waiting.shift();
    this.sent++;
    return true;
  }

  /** The connection is gone: what was not answered is sent again on the next. */
  disconnected(): void {
    this.#underWay = undefined;
  }
}
