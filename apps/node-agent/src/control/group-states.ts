import type { KeepalivedConfig } from '@keepfleet/config';
import type { StateOfInstance } from '@keepfleet/mib';
import type { VrrpEvent } from '@keepfleet/vrrp';
import { groupState } from './mib-rows.ts';

export type StateChange = Extract<VrrpEvent, { kind: 'state-changed' }>;

export interface GroupChange {
  readonly kind: 'group-changed';
  readonly group: string;
  readonly state: StateOfInstance;
}

/** What the changes of its members make of a sync group. */
export class GroupStates {
  readonly #states = new Map<string, StateOfInstance>();
  readonly #groups = new Map<string, StateOfInstance>();

  /** The groups that are another state after the change. */
  after(change: StateChange, { syncGroups }: KeepalivedConfig): GroupChange[] {
    const changed = stateAfter(change);
    this.#states.set(change.instance, changed);
    return syncGroups.flatMap((group): GroupChange[] => {
      if (!group.members.includes(change.instance)) return [];
      const members = group.members.map((name) => this.#states.get(name) ?? 'init');
      const state = changed === 'shutdown' ? 'shutdown' : groupState(members);
      if (this.#groups.get(group.name) === state) return [];
      this.#groups.set(group.name, state);
      return state === 'init' ? [] : [{ kind: 'group-changed', group: group.name, state }];
    });
  }
}

export function stateAfter({ reason, to }: StateChange): StateOfInstance {
  if (reason === 'stopped') return 'shutdown';
  if (reason === 'removed') return 'deleted';
  return to === 'initialize' ? 'init' : to;
}
