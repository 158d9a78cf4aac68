import { DEFAULT_NICE, type KeepalivedConfig } from '@keepfleet/config';
import { type Scheduling, micros } from '@keepfleet/machine';

/** How one process of the node is to run; nothing where the configuration does not say. */
export function schedulingSettings(
  role: 'vrrp' | 'bfd',
  { globalDefs: { maxAutoPriority, minAutoPriorityDelay, ...others } }: KeepalivedConfig,
): { readonly scheduling?: Scheduling } {
  const own = others[`${role}Process`];
  const scheduling: Scheduling = {
    ...(own.realTimePriority === undefined ? {} : { realTime: own.realTimePriority, realTimeLimit: own.realTimeLimit }),
    ...(maxAutoPriority === 0
      ? {}
      : { automatic: { highest: maxAutoPriority, lateness: micros(minAutoPriorityDelay) } }),
    ...(own.nice === DEFAULT_NICE[role] ? {} : { nice: own.nice }),
    ...(own.noSwap ? { noSwap: true } : {}),
    ...(own.cpus.length === 0 ? {} : { cpus: own.cpus }),
    ...(own.name === undefined ? {} : { processName: own.name }),
  };
  return Object.keys(scheduling).length === 0 ? {} : { scheduling };
}
