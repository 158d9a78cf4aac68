import { type Duration, type Instant, after } from '@keepfleet/machine';
import type { IpAddress } from '@keepfleet/wire';
import type { MasterView } from './messages.ts';
import type { Advert } from './packet.ts';
import type { VirtualRouterSettings } from './settings.ts';
import type { Situation } from './situation.ts';
import { advertisedInterval, firstWait, masterDownInterval, skewTime } from './timers.ts';

/**
 * How long a backup waits, counted from `from`: `down` = the master-down interval, `skew` = after a priority 0,
 * `first` = a start as master. The deadline is always computed from the present settings and priority.
 */
export interface Wait {
  readonly from: Instant;
  readonly length: 'down' | 'skew' | 'first';
}

export interface BackupState {
  readonly kind: 'backup';
  readonly wait: Wait;
  /** Active_Adver_Interval of RFC 9568; version 2 knows only its own. */
  readonly masterInterval: Duration;
  readonly master: MasterView | undefined;
  /** Until when lower priorities are obeyed. */
  readonly preemptAt: Instant | undefined;
  /** Its wait is over, and it waits for the rest of its sync group. */
  readonly wantsMaster: boolean;
}

/** An advert that passed the checks on receipt, and who sent it. */
export interface Heard {
  readonly advert: Advert;
  readonly source: IpAddress;
}

/** `heard` is the advert that made a backup of a master. */
export function newBackup(wait: Wait, heard: Heard | undefined, settings: VirtualRouterSettings): BackupState {
  return {
    kind: 'backup',
    wait,
    masterInterval: heard === undefined ? settings.advertInterval : advertisedInterval(heard.advert, settings),
    master: heard === undefined ? undefined : masterIn(heard),
    preemptAt: undefined,
    wantsMaster: false,
  };
}

/** When the master counts as gone. */
export function masterDownAt(state: BackupState, { settings, priority }: Situation): Instant {
  const { wait, masterInterval } = state;
  switch (wait.length) {
    case 'down':
      return after(wait.from, masterDownInterval(settings, priority, masterInterval));
    case 'skew':
      return after(wait.from, skewTime(settings.version, priority, masterInterval));
    case 'first':
      return after(wait.from, firstWait(settings.version, settings.advertInterval));
  }
}

/** What an advert makes of a backup: RFC 9568 section 6.4.2, with keepalived's preemption delay. */
export function backupAfter(
  heard: Heard,
  state: BackupState,
  { settings, priority }: Situation,
  now: Instant,
): BackupState {
  const { advert } = heard;
  if (advert.priority === 0)
    return { ...state, wait: { from: now, length: 'skew' }, master: undefined, preemptAt: undefined };
  const { preempt, preemptDelay, standing } = settings;
  const lower = advert.priority < priority;
  const preemptAt = !lower ? undefined : (state.preemptAt ?? after(now, preemptDelay));
  const obey = !lower || !preempt || standing === 'last-resort' || (preemptAt !== undefined && now < preemptAt);
  // Otherwise its adverts are discarded, so that the wait runs out: that is preemption.
  if (!obey) return { ...state, preemptAt };
  return { ...newBackup({ from: now, length: 'down' }, heard, settings), preemptAt };
}

function masterIn({ advert, source }: Heard): MasterView {
  return { address: source, priority: advert.priority };
}
