import type { Instant } from '@keepfleet/machine';
import type { VirtualRouter } from './machine.ts';
import type { NotifyState, VrrpOutput } from './messages.ts';
import { notification } from './notifications.ts';
import type { SyncGroupSettings } from './settings.ts';
import type { SyncGroupSnapshot } from './snapshot.ts';
import { OWNER_PRIORITY } from './tracking.ts';

type GroupState = 'initialize' | 'backup' | 'master' | 'fault';

const NOTIFY: Readonly<Record<Exclude<GroupState, 'initialize'>, NotifyState>> = {
  backup: 'BACKUP',
  master: 'MASTER',
  fault: 'FAULT',
};

/**
 * Keeps virtual routers together: masters all or none, in fault all or none. Level-triggered: after something happened
 * to a member, {@link SyncGroup.settle} compares all of them and moves those that do not fit.
 */
export class SyncGroup {
  #settings: SyncGroupSettings;
  #members: readonly VirtualRouter[] = [];
  /** Whether each was there and started when the group was last settled. */
  #started = new Set<VirtualRouter>();
  #state: GroupState = 'initialize';

  constructor(settings: SyncGroupSettings) {
    this.#settings = settings;
  }

  get members(): readonly VirtualRouter[] {
    return this.#members;
  }

  configure(settings: SyncGroupSettings, members: readonly VirtualRouter[]): void {
    this.#settings = settings;
    this.#members = members;
    this.#started = new Set(members.filter((member) => this.#started.has(member)));
  }

  /** `first` is the member that something happened to: it goes first where all go. */
  settle(first: VirtualRouter | undefined, now: Instant): VrrpOutput[] {
    const members = first === undefined ? this.#members : [first, ...this.#members.filter((one) => one !== first)];
    const outputs: VrrpOutput[] = [];
    const starting = this.#state === 'initialize';
    // keepalived tells the group's first state before those of its members.
    if (starting && members.every((member) => member.ready))
      outputs.push(...this.#enter(members.some((member) => member.failing) ? 'fault' : 'backup'));
    outputs.push(...this.#shareFaults(now));
    if (members.some((member) => member.state === 'master')) {
      const behind = members.filter((member) => member.state === 'backup');
      // One that just came to a group of masters follows them; one that was with them and yielded is followed.
      const newcomers = behind.filter((member) => !this.#started.has(member));
      const [verb, moving] =
        behind.length === newcomers.length
          ? (['lead', newcomers] as const)
          : (['yield', members.filter((member) => member.state === 'master')] as const);
      if (behind.length > 0) for (const member of moving) outputs.push(...member.handle({ kind: verb }, now));
    } else if (members.every((member) => member.wantsMaster)) {
      for (const member of members) outputs.push(...member.handle({ kind: 'lead' }, now));
    }
    this.#started = new Set(members.filter((member) => member.state !== 'initialize'));
    return [...outputs, ...this.#enter(this.#stateNow())];
  }

  /** All members stopped. */
  stop(): VrrpOutput[] {
    return this.#state === 'initialize' ? [] : [this.#notify('STOP')];
  }

  snapshot(): SyncGroupSnapshot {
    const { name, members } = this.#settings;
    return { name, members, state: this.#state };
  }

  /** Each member is told of the first other one that is in fault by itself. */
  #shareFaults(now: Instant): VrrpOutput[] {
    const failing = this.#members.filter((member) => member.failing);
    const owners = this.#members.filter(({ settings }) => settings.priority === OWNER_PRIORITY).length;
    const mixed = owners > 0 && owners < this.#members.length;
    return this.#members.flatMap((member) => {
      const other = failing.find((one) => one !== member);
      return member.handle(
        { kind: 'group', mixed, ...(other === undefined ? {} : { fault: other.settings.name }) },
        now,
      );
    });
  }

  #stateNow(): GroupState {
    const states = new Set(this.#members.map((member) => member.state));
    if (states.has('fault')) return 'fault';
    if (states.has('initialize')) return this.#state;
    return states.has('backup') ? 'backup' : 'master';
  }

  #enter(state: GroupState): VrrpOutput[] {
    if (state === this.#state) return [];
    this.#state = state;
    return state === 'initialize' ? [] : [this.#notify(NOTIFY[state])];
  }

  #notify(state: NotifyState): VrrpOutput {
    const { name, notify } = this.#settings;
    return notification({ type: 'GROUP', name, state, priority: 0 }, notify);
  }
}
