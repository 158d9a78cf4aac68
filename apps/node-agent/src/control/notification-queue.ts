import type { Notification } from '@keepfleet/mib';
import type { Log } from '../log.ts';

/** Notifications whose rows no snapshot has yet; of more the oldest are given up. */
const MOST_WAITING = 1_000;

/**
 * What SNMP managers are to be told, each once the rows that it points at are there. What is about one virtual server
 * keeps its order; what waits does not keep what is about another.
 */
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
    const held = new Set<string>();
    for (const notification of this.#waiting.splice(0)) {
      const service = 'virtualServer' in notification ? notification.virtualServer : undefined;
      if (!(service !== undefined && held.has(service)) && known(notification)) tell(notification);
      else {
        early.push(notification);
        if (service !== undefined) held.add(service);
      }
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
