import { type Duration, centis, micros, seconds } from '@keepfleet/machine';
import type { Advert } from './packet.ts';
import type { VirtualRouterSettings } from './settings.ts';

/** What the formulas of the master-down timer need. */
export type TimerSettings = Pick<VirtualRouterSettings, 'version' | 'downTimerAdverts'>;

/** (256 - priority)/256 of a second (RFC 3768 section 6.1) or of the master's interval (RFC 9568 section 6.1). */
export function skewTime(version: 2 | 3, priority: number, masterInterval: Duration): Duration {
  const unit = version === 2 ? seconds(1) : masterInterval;
  return micros(((256 - priority) * unit) / 256);
}

/** The interval that an advert promises: version 3 says its own, version 2 has to have the one configured. */
export function advertisedInterval(advert: Advert, settings: Pick<VirtualRouterSettings, 'advertInterval'>): Duration {
  return advert.version === 3 ? centis(advert.centiseconds) : settings.advertInterval;
}

/** How long silence may last before the master counts as gone. */
export function masterDownInterval(settings: TimerSettings, priority: number, masterInterval: Duration): Duration {
  return micros(settings.downTimerAdverts * masterInterval + skewTime(settings.version, priority, masterInterval));
}

/** The first wait of an instance that is to be the master from the start: one interval and the smallest skew. */
export function firstWait(version: 2 | 3, interval: Duration): Duration {
  return micros(interval + skewTime(version, 255, interval));
}
