import type { Notification } from '@keepfleet/mib';
import type { Log } from '../log.ts';

/** Notifications whose rows no snapshot has yet; of more the oldest are given up. */
const MOST_WAITING = 1_000;

/** What SNMP managers are to be told, in order, each once the rows that it points at are there. */
export class NotificationQueue {
  readonly #log: Log;
  #waiting: Notification[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  push(notification: Notification): void {
    this.#waiting.push(notification);
  }

  /** `known`: whether its rows are there; what is about others waits on. */
  tell(tell: (notification: Notification) => void, known: (notification: Notification) => boolean = () => true): void {
    if (this.#waiting.length === 0) return;
    const early: Notification[] = [];
    for (const notification of this.#waiting.splice(0)) {
      if (known(notification)) tell(notification);
      else early.push(notification);
    }
    const excess = early.length - MOST_WAITING;
    if (excess > 0)
      this.#log.warn(
        { dropped: excess },
        `snmp: ${excess} of the oldest notifications were given up: their process has not told the rows that they are about`,
      );
    this.#waiting = early.slice(-MOST_WAITING);
  }
}
