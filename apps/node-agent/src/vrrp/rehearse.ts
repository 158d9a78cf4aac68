import { rehearseTakeover } from '@keepfleet/vrrp';
import { errorText } from '../error-text.ts';
import type { Log } from '../log.ts';

/** A rehearsal only saves time: one that fails is told and costs nothing but that. */
export function rehearse(log: Log, rehearsal = rehearseTakeover): void {
  try {
    rehearsal();
  } catch (error) {
    log.error(
      { err: error },
      `the rehearsal of a takeover failed (${errorText(error)}): the first takeover may be some milliseconds slower`,
    );
  }
}
