import type { Position } from '../diagnostics.ts';
import type { TrackedName } from '../model/parts.ts';
import type { Arguments } from './context.ts';
import { described } from './form.ts';
import { type NotifySettings, notifyRows } from './notify.ts';
import { boolean } from './readers.ts';
import { type Draft, type Table, collects, deprecated, fixes, sets } from './rows.ts';
import { trackedName } from './tracking.ts';

/** The settings of `vrrp_sync_group` as written. */
export interface GroupSettings extends NotifySettings {
  members: readonly { readonly name: string; readonly at: Position }[];
  trackInterfaces: readonly TrackedName[];
  trackScripts: readonly TrackedName[];
  trackFiles: readonly TrackedName[];
  trackProcesses: readonly TrackedName[];
  trackBfd: readonly TrackedName[];
  trackingWeight: boolean;
  smtpAlert: boolean;
}

export const vrrpSyncGroup: Table<Draft<GroupSettings>> = {
  ...notifyRows<GroupSettings>(),
  group: collects(
    'members',
    described({ kind: 'text', what: 'a name' }, (args: Arguments) => {
      const name = args.take();
      return name === undefined ? undefined : { name: name.text, at: name.at };
    }),
  ),
  smtp_alert: sets('smtpAlert', boolean),
  track_interface: collects('trackInterfaces', trackedName),
  track_script: collects('trackScripts', trackedName),
  track_file: collects('trackFiles', trackedName),
  track_process: collects('trackProcesses', trackedName),
  track_bfd: collects('trackBfd', trackedName),
  sync_group_tracking_weight: fixes('trackingWeight', true),
  global_tracking: deprecated(fixes('trackingWeight', true), 'sync_group_tracking_weight'),
};
