import {
  type Duration,
  type Instant,
  type Machine,
  after,
  between,
  centis,
  earliest,
  seconds,
} from '@keepfleet/machine';
import { type IpAddress, compareIp } from '@keepfleet/wire';
import { Announcements } from './announcements.ts';
import { type AddressListMismatch, type PacketError, describeError } from './errors.ts';
import type {
  FaultCause,
  InterfaceState,
  MasterView,
  ReceivedPacket,
  RouterInput,
  RouterStateName,
  StateReason,
  VrrpEvent,
  VrrpOutput,
} from './messages.ts';
import type { Advert } from './packet.ts';
import { addressListMismatch, receiveAdvert } from './reception.ts';
import { routerSnapshot } from './router-snapshot.ts';
import { type VirtualAddress, type VirtualRouterSettings, inTableOrder, sameAddress } from './settings.ts';
import type { RouterSnapshot } from './snapshot.ts';
import { type RouterCounters, newCounters } from './stats.ts';
import { firstWait, masterDownInterval, skewTime } from './timers.ts';
import { OWNER_PRIORITY, effectivePriority, faultCauses, isInstalled, isUp, sourceAddress } from './tracking.ts';
import { advertOutputs } from './transmission.ts';

/**
 * How long a backup waits, counted from `from`: `down` = the master-down interval, `skew` = after a priority 0,
 * `first` = a start as master. The deadline is always computed from the present settings and priority.
 */
interface Wait {
  readonly from: Instant;
  readonly length: 'down' | 'skew' | 'first';
}

type RouterState =
  /** Not yet started (or waiting for the start-up delay), or stopped. */
  | { readonly kind: 'initialize'; readonly startAt: Instant | undefined }
  | {
      readonly kind: 'backup';
      readonly wait: Wait;
      /** Active_Adver_Interval of RFC 9568; version 2 knows only its own. */
      readonly masterInterval: Duration;
      readonly master: MasterView | undefined;
      /** Until when lower priorities are obeyed. */
      readonly preemptAt: Instant | undefined;
      /** It was told to hand over, and keeps the addresses until another master is heard. */
      readonly handingOver: boolean;
    }
  | {
      readonly kind: 'master';
      /** When the last periodic advert was due. */
      readonly advertFrom: Instant;
      readonly announcements: Announcements;
      readonly lower: { readonly address: IpAddress; readonly at: Instant } | undefined;
    }
  | { readonly kind: 'fault'; readonly causes: readonly FaultCause[]; readonly startAt: Instant | undefined };

/** What the inputs come down to, once the settings and the interfaces have been updated from them. */
type Happening =
  /** `interface` names the one that changed, and `previous` is what was known of it; absent when it was something else. */
  | { readonly kind: 'changed'; readonly interface?: string; readonly previous: InterfaceState | undefined }
  | { readonly kind: 'advert'; readonly advert: Advert; readonly source: IpAddress }
  | { readonly kind: 'relinquish' }
  | { readonly kind: 'timeout' };

/** Least time between two attempts to put an address back: somebody who keeps deleting it must not get a busy loop. */
const REPAIR_GAP = seconds(1);

/**
 * How long new connections are held back at most while addresses are handed over: longer than the skew of any successor
 * of version 2, shorter than a client's second retry.
 */
const HANDOVER_HOLD = seconds(2.5);

/** One virtual router: RFC 9568 section 6.4, with keepalived's fault state, tracking and announcements. */
export class VirtualRouter implements Machine<RouterInput, VrrpOutput> {
  readonly #counters: RouterCounters = newCounters();
  readonly #interfaces = new Map<string, InterfaceState>();
  #virtual: ReadonlySet<IpAddress> = new Set();
  #settings: VirtualRouterSettings;
  #configured = false;
  #state: RouterState = { kind: 'initialize', startAt: undefined };
  #since: Instant;
  #priority: number;
  #source: IpAddress | undefined;
  #reported = new Set<string>();
  #missing: VirtualAddress[] = [];
  #repairedAt: Instant | undefined;
  #repairAt: Instant | undefined;
  #deaf = false;
  #outputs: VrrpOutput[] = [];

  /** Does nothing before its first `configure`; what it should know of interfaces is to be told before that. */
  constructor(settings: VirtualRouterSettings, now: Instant) {
    this.#settings = settings;
    this.#priority = settings.priority;
    this.#since = now;
  }

  get settings(): VirtualRouterSettings {
    return this.#settings;
  }

  get state(): RouterStateName {
    return this.#state.kind;
  }

  handle(input: RouterInput, now: Instant): readonly VrrpOutput[] {
    switch (input.kind) {
      case 'configure':
        this.#configure(input.settings, input.startAt ?? now, now);
        break;
      case 'interface': {
        const previous = this.#interfaces.get(input.interface.name);
        this.#interfaces.set(input.interface.name, input.interface);
        this.#step({ kind: 'changed', interface: input.interface.name, previous }, now);
        break;
      }
      case 'interface-gone': {
        const previous = this.#interfaces.get(input.name);
        this.#interfaces.delete(input.name);
        this.#step({ kind: 'changed', interface: input.name, previous }, now);
        break;
      }
      case 'socket':
        if (input.interface !== this.#settings.interface || input.family !== this.#settings.family) break;
        this.#deaf = !input.open;
        this.#step({ kind: 'changed', previous: undefined }, now);
        break;
      case 'virtual-addresses':
        this.#virtual = new Set(input.addresses);
        this.#step({ kind: 'changed', previous: undefined }, now);
        break;
      case 'packet':
        this.#receive(input, now);
        break;
      case 'relinquish':
        this.#step({ kind: 'relinquish' }, now);
        break;
      case 'stop':
        this.#stop(input.mode, 'stopped', now);
        break;
      case 'remove':
        this.#stop('release', 'removed', now);
        break;
      default:
        input satisfies never;
    }
    return this.#flush();
  }

  timeout(now: Instant): readonly VrrpOutput[] {
    const deadline = this.nextDeadline();
    if (deadline === undefined || now < deadline) return [];
    this.#step({ kind: 'timeout' }, now);
    return this.#flush();
  }

  nextDeadline(): Instant | undefined {
    const state = this.#state;
    switch (state.kind) {
      case 'initialize':
        return state.startAt;
      case 'backup':
        return after(state.wait.from, this.#waitLength(state.wait, state.masterInterval));
      case 'master':
        return earliest(
          after(state.advertFrom, this.#settings.advertInterval),
          state.announcements.nextDeadline(),
          this.#repairAt,
        );
      case 'fault':
        return undefined;
    }
  }

  /** `epochMillis` turns an instant into milliseconds since 1970. */
  snapshot(epochMillis: (instant: Instant) => number): RouterSnapshot {
    const state = this.#state;
    return routerSnapshot({
      settings: this.#settings,
      interfaces: this.#interfaces,
      state: state.kind,
      since: epochMillis(this.#since),
      causes: state.kind === 'fault' ? state.causes : [],
      effectivePriority: this.#priority,
      source: this.#source,
      master: this.#master(),
      masterInterval: state.kind === 'backup' ? state.masterInterval : this.#settings.advertInterval,
      wantsAddresses: this.#wantsAddresses(),
      counters: this.#counters,
    });
  }

  #step(happening: Happening, now: Instant): void {
    if (!this.#configured) return;
    if (happening.kind === 'changed') this.#observe();
    const state = this.#state;
    switch (state.kind) {
      case 'initialize':
        switch (happening.kind) {
          case 'changed':
          case 'timeout':
            return this.#startIfDue(state.startAt, now);
          case 'advert':
          case 'relinquish':
            return;
        }
        break;
      case 'backup':
        switch (happening.kind) {
          case 'changed':
            return this.#faultIfCaused(now);
          case 'timeout':
            // The master fell silent: RFC 9568 section 6.4.2.
            return this.#becomeMaster('master-down', now);
          case 'advert':
            return this.#heardAsBackup(state, happening.advert, happening.source, now);
          case 'relinquish':
            return;
        }
        break;
      case 'master':
        switch (happening.kind) {
          case 'changed':
            this.#faultIfCaused(now);
            if (this.#state.kind === 'master') this.#restoreAddresses(this.#state.announcements, happening, now);
            return;
          case 'timeout':
            return this.#serveMaster(state, now);
          case 'advert':
            return this.#heardAsMaster(state, happening.advert, happening.source, now);
          case 'relinquish':
            return this.#handOver(now);
        }
        break;
      case 'fault':
        switch (happening.kind) {
          case 'changed':
            return this.#leaveFaultIfCleared(state.causes, state.startAt, now);
          case 'timeout':
          case 'advert':
          case 'relinquish':
            return;
        }
        break;
      default:
        state satisfies never;
    }
  }

  // Initialize

  #configure(settings: VirtualRouterSettings, startAt: Instant, now: Instant): void {
    const before = this.#settings;
    const first = !this.#configured;
    if (!first && !sameIdentity(before, settings)) {
      this.#stop('release', 'reconfigured', now);
      return this.#configure(settings, startAt, now);
    }
    this.#settings = settings;
    this.#configured = true;
    const added = first
      ? settings.addresses
      : settings.addresses.filter((one) => !before.addresses.some((other) => sameAddress(one, other)));
    const removed = before.addresses.filter((one) => !settings.addresses.some((other) => sameAddress(one, other)));
    if (first) {
      this.#priority = settings.priority;
      this.#state = { kind: 'initialize', startAt };
    }
    if (!this.#wantsAddresses()) this.#removeResidual([...added, ...(first ? [] : removed)]);
    else if (this.#state.kind !== 'master') this.#removeResidual(removed);
    else {
      if (removed.length > 0) this.#outputs.push({ kind: 'remove-addresses', addresses: removed });
      if (added.length > 0) this.#outputs.push({ kind: 'add-addresses', addresses: added });
      this.#missing = this.#missing.filter((one) => !removed.includes(one));
      const { announcements } = this.#state;
      announcements.some(added, settings.garp, now);
      if (settings.garp.refresh !== before.garp.refresh) announcements.refresh(settings.garp, now);
      this.#announce(announcements, now);
    }
    // Not `changed`: what was just added is not yet read back.
    this.#observe();
    const state = this.#state;
    if (state.kind === 'initialize') this.#startIfDue(state.startAt, now);
    else if (state.kind === 'fault') this.#leaveFaultIfCleared(state.causes, state.startAt, now);
    else this.#faultIfCaused(now);
  }

  #startIfDue(startAt: Instant | undefined, now: Instant): void {
    const causes = this.#causes();
    if (causes.length > 0) return this.#enterFault(causes, startAt, now);
    if (startAt === undefined || now < startAt) return;
    const { settings } = this;
    // RFC 9568 section 6.4.1: the address owner does not wait.
    if (this.#priority === OWNER_PRIORITY) return this.#becomeMaster('owner', now);
    const first = settings.startState === 'master' && settings.standing === 'normal';
    this.#becomeBackup({ from: now, length: first ? 'first' : 'down' }, undefined, 'started', now);
  }

  #stop(mode: 'release' | 'leave', reason: StateReason, now: Instant): void {
    if (!this.#configured) return;
    if (mode === 'release') this.#giveUpAddresses();
    this.#enter({ kind: 'initialize', startAt: undefined }, reason, now);
    this.#configured = false;
  }

  // Backup

  #heardAsBackup(state: RouterState & { kind: 'backup' }, advert: Advert, source: IpAddress, now: Instant): void {
    if (advert.priority === 0) {
      this.#state = { ...state, wait: { from: now, length: 'skew' }, master: undefined, preemptAt: undefined };
      return;
    }
    const { preempt, preemptDelay, standing } = this.#settings;
    if (state.handingOver) {
      this.#endHandOver();
      state = { ...state, handingOver: false };
    }
    const lower = advert.priority < this.#priority;
    const preemptAt = !lower ? undefined : (state.preemptAt ?? after(now, preemptDelay));
    const obey = !lower || !preempt || standing === 'last-resort' || (preemptAt !== undefined && now < preemptAt);
    // Otherwise its adverts are discarded, so that the wait runs out: that is preemption.
    if (!obey) {
      this.#state = { ...state, preemptAt };
      return;
    }
    const master = { address: source, priority: advert.priority };
    const known = state.master?.address === source;
    this.#state = {
      kind: 'backup',
      wait: { from: now, length: 'down' },
      masterInterval: this.#intervalOf(advert),
      master,
      preemptAt,
      handingOver: false,
    };
    if (known) return;
    this.#reported.clear();
    this.#report({ kind: 'master-learned', instance: this.#settings.name, master });
  }

  #becomeBackup(
    wait: Wait,
    heard: { advert: Advert; source: IpAddress } | undefined,
    reason: StateReason,
    now: Instant,
  ): void {
    const masterInterval = heard === undefined ? this.#settings.advertInterval : this.#intervalOf(heard.advert);
    const master = heard === undefined ? undefined : { address: heard.source, priority: heard.advert.priority };
    this.#enter(
      { kind: 'backup', wait, masterInterval, master, preemptAt: undefined, handingOver: false },
      reason,
      now,
    );
  }

  /**
   * Priority 0 as at the end of a master (RFC 9568 section 6.4.3), but the addresses stay until the successor speaks: the
   * connections that are open end here, those that are not go there. When nobody speaks, the addresses never leave.
   */
  #handOver(now: Instant): void {
    const addresses = this.#settings.addresses.map((one) => one.address);
    this.#outputs.push({ kind: 'hold-connections', addresses, duration: HANDOVER_HOLD });
    this.#sendAdvert(0);
    this.#becomeBackup({ from: now, length: 'down' }, undefined, 'relinquished', now);
    if (this.#state.kind === 'backup') this.#state = { ...this.#state, handingOver: true };
  }

  #endHandOver(): void {
    this.#removeAddresses();
    this.#outputs.push({ kind: 'release-connections', addresses: this.#settings.addresses.map((one) => one.address) });
  }

  // Master

  #becomeMaster(reason: StateReason, now: Instant): void {
    const announcements = new Announcements();
    announcements.start(this.#settings.garp, now);
    if (this.#state.kind === 'backup' && this.#state.handingOver) {
      const addresses = this.#settings.addresses.map((one) => one.address);
      this.#outputs.push({ kind: 'release-connections', addresses });
    }
    this.#counters.becameMaster++;
    // In the order of RFC 9568 section 6.4.2, with keepalived's addresses before the announcements.
    this.#sendAdvert(this.#priority);
    if (this.#settings.addresses.length > 0)
      this.#outputs.push({ kind: 'add-addresses', addresses: inTableOrder(this.#settings.addresses) });
    this.#announce(announcements, now);
    this.#enter({ kind: 'master', advertFrom: now, announcements, lower: undefined }, reason, now);
  }

  #serveMaster(state: RouterState & { kind: 'master' }, now: Instant): void {
    const interval = this.#settings.advertInterval;
    const due = after(state.advertFrom, interval);
    if (now >= due) {
      this.#sendAdvert(this.#priority);
      // Keep the beat after a small delay; after a long one do not send a burst.
      this.#state = { ...state, advertFrom: between(due, now) < interval ? due : now };
    }
    this.#announce(state.announcements, now);
    if (this.#repairAt !== undefined && this.#repairAt <= now) this.#repair(now);
  }

  #heardAsMaster(state: RouterState & { kind: 'master' }, advert: Advert, source: IpAddress, now: Instant): void {
    if (advert.priority === 0) {
      this.#sendAdvert(this.#priority);
      this.#state = { ...state, advertFrom: now };
      return;
    }
    const higher =
      advert.priority > this.#priority ||
      (advert.priority === this.#priority && this.#source !== undefined && compareIp(source, this.#source) > 0);
    if (higher) {
      if (this.#settings.higherPrioSendAdvert) this.#sendAdvert(this.#priority);
      this.#removeAddresses();
      return this.#becomeBackup({ from: now, length: 'down' }, { advert, source }, 'higher-priority', now);
    }
    // RFC 9568 section 6.4.3: assert to the sender, and to switches that believed it, who the master is.
    if (!this.#settings.lowerPrioNoAdvert) this.#sendAdvert(this.#priority);
    const { lower } = state;
    const quiet = masterDownInterval(this.#settings, this.#priority, this.#settings.advertInterval);
    if (lower === undefined || lower.address !== source || between(lower.at, now) > quiet)
      this.#report({
        kind: 'lower-priority-advert',
        instance: this.#settings.name,
        master: { address: source, priority: advert.priority },
      });
    this.#state = { ...state, lower: { address: source, at: now } };
    state.announcements.lowerPriority(this.#settings.garp, now);
    this.#announce(state.announcements, now);
  }

  /**
   * Level-triggered: compares what the kernel has with what a master must have, after every change of an interface. On the
   * others nothing is judged: what was just added there is perhaps not read back yet.
   */
  #restoreAddresses(announcements: Announcements, changed: Happening & { kind: 'changed' }, now: Instant): void {
    const { previous } = changed;
    const missing = this.#settings.addresses.filter((one) =>
      one.interface === changed.interface ? !isInstalled(one, this.#interfaces) : this.#missing.includes(one),
    );
    for (const address of this.#missing.filter((one) => !missing.includes(one))) {
      this.#counters.addressesRestored++;
      this.#report({ kind: 'address-restored', instance: this.#settings.name, address });
      announcements.some([address], this.#settings.garp, now);
    }
    for (const address of missing.filter((one) => !this.#missing.includes(one)))
      this.#report({ kind: 'address-missing', instance: this.#settings.name, address });
    this.#missing = missing;
    this.#repair(now);
    if (previous?.up === false && isUp(previous.name, this.#interfaces))
      announcements.some(
        this.#settings.addresses.filter((one) => one.interface === previous.name),
        this.#settings.garp,
        now,
      );
    this.#announce(announcements, now);
  }

  #repair(now: Instant): void {
    const possible = this.#missing.filter((one) => this.#interfaces.has(one.interface));
    if (possible.length === 0) {
      this.#repairAt = undefined;
      return;
    }
    const earliestNext = this.#repairedAt === undefined ? now : after(this.#repairedAt, REPAIR_GAP);
    if (now >= earliestNext) {
      this.#outputs.push({ kind: 'add-addresses', addresses: possible });
      this.#repairedAt = now;
      this.#repairAt = after(now, REPAIR_GAP);
    } else this.#repairAt = earliestNext;
  }

  // Fault

  #faultIfCaused(now: Instant): void {
    const causes = this.#causes();
    if (causes.length > 0) this.#enterFault(causes, now, now);
  }

  #enterFault(causes: readonly FaultCause[], startAt: Instant | undefined, now: Instant): void {
    this.#giveUpAddresses();
    this.#enter({ kind: 'fault', causes, startAt }, 'fault', now);
  }

  #leaveFaultIfCleared(before: readonly FaultCause[], startAt: Instant | undefined, now: Instant): void {
    const causes = this.#causes();
    if (causes.length > 0) {
      if (sameCauses(before, causes)) return;
      this.#state = { kind: 'fault', causes, startAt };
      this.#report({ kind: 'fault-causes-changed', instance: this.#settings.name, causes });
      return;
    }
    if (startAt !== undefined && now < startAt)
      return this.#enter({ kind: 'initialize', startAt }, 'fault-cleared', now);
    const owner = this.#priority === OWNER_PRIORITY;
    this.#becomeBackup({ from: now, length: owner ? 'first' : 'down' }, undefined, 'fault-cleared', now);
  }

  // Common

  /** Brings source and priority up to date with the settings and the interfaces. */
  #observe(): void {
    const source = sourceAddress(this.#settings, this.#interfaces, this.#virtual);
    // The last source is kept for the parting priority 0.
    if (source !== undefined) this.#source = source;
    const priority = effectivePriority(this.#settings, this.#interfaces);
    if (priority === this.#priority) return;
    const from = this.#priority;
    this.#priority = priority;
    this.#report({ kind: 'priority-changed', instance: this.#settings.name, from, to: priority });
  }

  #causes(): FaultCause[] {
    const source = sourceAddress(this.#settings, this.#interfaces, this.#virtual);
    return faultCauses(this.#settings, this.#interfaces, source, this.#deaf);
  }

  #receive(packet: ReceivedPacket, now: Instant): void {
    if (!this.#configured || this.#state.kind === 'initialize') return;
    const received = receiveAdvert(packet, this.#settings, this.#source);
    if (!received.ok) return this.#reject(received.error, packet.source);
    const advert = received.value;
    this.#counters.advertsReceived++;
    if (advert.priority === 0) this.#counters.priorityZeroReceived++;
    const known = this.#state.kind === 'backup' && this.#state.master?.address === packet.source;
    const unchecked = this.#settings.skipCheckAdvAddr && known;
    const mismatch = unchecked ? undefined : addressListMismatch(advert, this.#settings);
    this.#step({ kind: 'advert', advert, source: packet.source }, now);
    // After the step, which forgets what was reported when it learns a new master.
    if (mismatch !== undefined) this.#reject(mismatch, packet.source);
  }

  #reject(error: PacketError | AddressListMismatch, source: IpAddress): void {
    this.#counters.errors[error.kind]++;
    if (this.#reported.has(error.kind)) return;
    this.#reported.add(error.kind);
    this.#report({
      kind: 'bad-packet',
      instance: this.#settings.name,
      error: error.kind,
      source,
      detail: describeError(error),
    });
  }

  #sendAdvert(priority: number): void {
    // Without an address to send from there never was an advert, so there is no parting one either.
    if (this.#source === undefined) return;
    const sent = advertOutputs(this.#settings, this.#source, priority);
    this.#counters.advertsSent += sent.length;
    if (priority === 0) this.#counters.priorityZeroSent += sent.length;
    this.#outputs.push(...sent);
  }

  /** What a router does that stops being master for a reason of its own. */
  #giveUpAddresses(): void {
    if (this.#state.kind === 'master') {
      this.#sendAdvert(0);
      this.#removeAddresses();
    } else if (this.#state.kind === 'backup' && this.#state.handingOver) this.#endHandOver();
  }

  #removeAddresses(): void {
    const { addresses } = this.#settings;
    if (addresses.length > 0) this.#outputs.push({ kind: 'remove-addresses', addresses: inTableOrder(addresses) });
  }

  /** What a crash, or an earlier program, left on the interfaces goes before we speak. */
  #removeResidual(addresses: readonly VirtualAddress[]): void {
    const residual = addresses.filter((one) => isInstalled(one, this.#interfaces));
    if (residual.length === 0) return;
    this.#outputs.push({ kind: 'remove-addresses', addresses: residual });
    for (const address of residual)
      this.#report({ kind: 'residual-address-removed', instance: this.#settings.name, address });
  }

  #announce(announcements: Announcements, now: Instant): void {
    const due = announcements.due(inTableOrder(this.#settings.addresses), this.#settings.garp, now);
    this.#counters.announcementsSent += due.length;
    this.#outputs.push(...due);
  }

  #enter(state: RouterState, reason: StateReason, now: Instant): void {
    const from = this.#state.kind;
    if (from === 'master') this.#counters.releasedMaster++;
    this.#state = state;
    this.#since = now;
    this.#reported.clear();
    this.#missing = [];
    this.#repairAt = undefined;
    this.#repairedAt = undefined;
    const master = this.#master();
    this.#report({
      kind: 'state-changed',
      instance: this.#settings.name,
      from,
      to: state.kind,
      reason,
      priority: this.#priority,
      ...(state.kind === 'fault' ? { causes: state.causes } : {}),
      ...(master === undefined ? {} : { master }),
    });
  }

  #wantsAddresses(): boolean {
    return this.#state.kind === 'master' || (this.#state.kind === 'backup' && this.#state.handingOver);
  }

  #master(): MasterView | undefined {
    if (this.#state.kind === 'backup') return this.#state.master;
    if (this.#state.kind !== 'master' || this.#source === undefined) return undefined;
    return { address: this.#source, priority: this.#priority };
  }

  #waitLength(wait: Wait, masterInterval: Duration): Duration {
    const { version, advertInterval } = this.#settings;
    switch (wait.length) {
      case 'down':
        return masterDownInterval(this.#settings, this.#priority, masterInterval);
      case 'skew':
        return skewTime(version, this.#priority, masterInterval);
      case 'first':
        return firstWait(version, advertInterval);
    }
  }

  #intervalOf(advert: Advert): Duration {
    return advert.version === 3 ? centis(advert.centiseconds) : this.#settings.advertInterval;
  }

  #report(event: VrrpEvent): void {
    this.#outputs.push({ kind: 'event', event });
  }

  #flush(): VrrpOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }
}

/** What makes it the same virtual router on the wire; anything else is changed in place. */
function sameIdentity(a: VirtualRouterSettings, b: VirtualRouterSettings): boolean {
  return a.vrid === b.vrid && a.interface === b.interface && a.family === b.family && a.version === b.version;
}

function sameCauses(a: readonly FaultCause[], b: readonly FaultCause[]): boolean {
  return (
    a.length === b.length && a.every((cause, i) => cause.kind === b[i]?.kind && cause.interface === b[i]?.interface)
  );
}
