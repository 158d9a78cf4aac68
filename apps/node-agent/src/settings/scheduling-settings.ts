import type { KeepalivedConfig, ProcessSettings } from '@keepfleet/config';
import { type Scheduling, micros } from '@keepfleet/machine';

/** How one process of the node is to run; nothing where the configuration does not say. */
export function schedulingSettings(
  own: ProcessSettings,
  { globalDefs: { maxAutoPriority, minAutoPriorityDelay } }: KeepalivedConfig,
): { readonly scheduling?: Scheduling } {
  const scheduling: Scheduling = {
    ...(own.realTimePriority === undefined ? {} : { realTime: own.realTimePriority, realTimeLimit: own.realTimeLimit }),
    ...(maxAutoPriority === 0
      ? {}
      : { automatic: { highest: maxAutoPriority, lateness: micros(minAutoPriorityDelay) } }),
    ...(own.nice === 0 ? {} : { nice: own.nice }),
    ...(own.noSwap ? { noSwap: true } : {}),
    ...(own.cpus.length === 0 ? {} : { cpus: own.cpus }),
    ...(own.name === undefined ? {} : { processName: own.name }),
  };
  return Object.keys(scheduling).length === 0 ? {} : { scheduling };
}
