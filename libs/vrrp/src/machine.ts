import { type Instant, type Machine } from '@keepfleet/machine';
import { type IpAddress, compareIp } from '@keepfleet/wire';
import {
  holdConnections,
  releaseConnections,
  removeAddresses,
  removeResidual,
  removeRouting,
} from './address-release.ts';
import { type BackupState, type Heard, type Wait, backupAfter, masterDownAt, newBackup } from './backup.ts';
import { Authenticator, type Surroundings, noSurroundings } from './authentication.ts';
import type { AddressListMismatch, PacketError } from './errors.ts';
import { Mastership } from './mastership.ts';
import type {
  FaultCause,
  MasterView,
  ReceivedPacket,
  RoutingInput,
  RouterInput,
  RouterStateName,
  StateReason,
  VrrpEvent,
  VrrpOutput,
} from './messages.ts';
import { addressListMismatch, receiveAdvert } from './reception.ts';
import { Rejections } from './rejections.ts';
import { routerSnapshot } from './router-snapshot.ts';
import { type VirtualRouterSettings, sameAddress, sameIdentity } from './settings.ts';
import { type InterfaceChange, Situation } from './situation.ts';
import type { RouterSnapshot } from './snapshot.ts';
import { type RouterCounters, newCounters } from './stats.ts';
import { OWNER_PRIORITY, isFailure, sameCauses } from './tracking.ts';
import { Transmitter } from './transmission.ts';

type RouterState =
  /** Not yet started, or stopped. `heldUp`: the start-up delay is over, but not everything that is tracked is known. */
  | { readonly kind: 'initialize'; readonly startAt: Instant | undefined; readonly heldUp?: true }
  | BackupState
  | { readonly kind: 'master'; readonly mastership: Mastership }
  | { readonly kind: 'fault'; readonly causes: readonly FaultCause[]; readonly startAt: Instant | undefined };

/** What the inputs come down to, once the situation has been updated from them. */
type Happening =
  /** `interface` is absent when it was something else that changed. */
  | { readonly kind: 'changed'; readonly interface?: InterfaceChange }
  | { readonly kind: 'advert'; readonly heard: Heard }
  | { readonly kind: 'relinquish' }
  | RoutingInput
  | { readonly kind: 'timeout' };

/** One virtual router: RFC 9568 section 6.4, with keepalived's fault state, tracking and announcements. */
export class VirtualRouter implements Machine<RouterInput, VrrpOutput> {
  readonly #situation: Situation;
  readonly #counters: RouterCounters = newCounters();
  readonly #rejections = new Rejections(this.#counters);
  readonly #authenticator: Authenticator;
  readonly #transmitter: Transmitter;
  #configured = false;
  #state: RouterState = { kind: 'initialize', startAt: undefined };
  #since: Instant;
  #outputs: VrrpOutput[] = [];

  /** Does nothing before its first `configure`; what it should know of interfaces is to be told before that. */
  constructor(settings: VirtualRouterSettings, now: Instant, surroundings: Surroundings = noSurroundings) {
    this.#situation = new Situation(settings);
    this.#authenticator = new Authenticator(surroundings);
    this.#transmitter = new Transmitter(this.#situation, this.#authenticator, this.#counters);
    this.#since = now;
  }

  get settings(): VirtualRouterSettings {
    return this.#situation.settings;
  }

  get state(): RouterStateName {
    return this.#state.kind;
  }

  handle(input: RouterInput, now: Instant): readonly VrrpOutput[] {
    switch (input.kind) {
      case 'configure':
        this.#configure(input.settings, input.startAt ?? now, now);
        break;
      case 'interface':
      case 'interface-gone':
        this.#step({ kind: 'changed', interface: this.#situation.takeInterface(input) }, now);
        break;
      case 'socket':
        if (this.#situation.takeSocket(input)) this.#step({ kind: 'changed' }, now);
        break;
      case 'tracker':
        if (this.#situation.takeTracker(input)) this.#step({ kind: 'changed' }, now);
        break;
      case 'routing':
        this.#step(input, now);
        break;
      case 'virtual-addresses':
        this.#situation.takeVirtualAddresses(input.addresses);
        this.#step({ kind: 'changed' }, now);
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
        return state.heldUp === true ? undefined : state.startAt;
      case 'backup':
        return masterDownAt(state, this.#situation);
      case 'master':
        return state.mastership.nextDeadline();
      case 'fault':
        return undefined;
    }
  }

  /** `epochMillis` turns an instant into milliseconds since 1970. */
  snapshot(epochMillis: (instant: Instant) => number): RouterSnapshot {
    const state = this.#state;
    return routerSnapshot({
      situation: this.#situation,
      state: state.kind,
      since: epochMillis(this.#since),
      causes: state.kind === 'fault' ? state.causes : [],
      master: this.#master(),
      masterInterval: state.kind === 'backup' ? state.masterInterval : this.settings.advertInterval,
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
          case 'routing':
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
            return this.#heardAsBackup(state, happening.heard, now);
          case 'relinquish':
          case 'routing':
            return;
        }
        break;
      case 'master':
        switch (happening.kind) {
          case 'changed':
            this.#faultIfCaused(now);
            if (this.#state.kind === 'master') this.#push(state.mastership.checkAddresses(happening.interface, now));
            return;
          case 'timeout':
            return this.#push(state.mastership.timeout(now));
          case 'advert':
            return this.#heardAsMaster(state.mastership, happening.heard, now);
          case 'relinquish':
            return this.#handOver(now);
          case 'routing':
            return this.#push(state.mastership.takeRouting(happening, now));
        }
        break;
      case 'fault':
        switch (happening.kind) {
          case 'changed':
            return this.#leaveFaultIfCleared(state.causes, state.startAt, now);
          case 'timeout':
          case 'advert':
          case 'relinquish':
          case 'routing':
            return;
        }
        break;
      default:
        state satisfies never;
    }
  }

  // Initialize

  #configure(settings: VirtualRouterSettings, startAt: Instant, now: Instant): void {
    const before = this.settings;
    const first = !this.#configured;
    if (!first && !sameIdentity(before, settings)) {
      this.#stop('release', 'reconfigured', now);
      return this.#configure(settings, startAt, now);
    }
    this.#situation.configure(settings, first);
    this.#configured = true;
    const added = first
      ? settings.addresses
      : settings.addresses.filter((one) => !before.addresses.some((other) => sameAddress(one, other)));
    const removed = before.addresses.filter((one) => !settings.addresses.some((other) => sameAddress(one, other)));
    if (first) this.#state = { kind: 'initialize', startAt };
    if (this.#state.kind === 'master') this.#push(this.#state.mastership.reconfigured(before, added, removed, now));
    else {
      // What is residual goes before we speak.
      const unwanted = this.#wantsAddresses() ? removed : [...added, ...(first ? [] : removed)];
      if (first) this.#push(removeRouting(settings.routing ?? []));
      this.#push(removeResidual(settings.name, unwanted, this.#situation.interfaces));
    }
    // Not `changed`: what was just added is not yet read back.
    this.#observe();
    const state = this.#state;
    if (state.kind === 'initialize') this.#startIfDue(state.startAt, now);
    else if (state.kind === 'fault') this.#leaveFaultIfCleared(state.causes, state.startAt, now);
    else this.#faultIfCaused(now);
  }

  #startIfDue(startAt: Instant | undefined, now: Instant): void {
    const causes = this.#situation.causes();
    // What has not told anything yet is no fault, but there is no start without it.
    if (causes.some(isFailure)) return this.#enterFault(causes, startAt, now);
    if (startAt === undefined || now < startAt) return;
    if (causes.length > 0) {
      this.#state = { kind: 'initialize', startAt, heldUp: true };
      return;
    }
    const { settings } = this;
    // RFC 9568 section 6.4.1: the address owner does not wait.
    if (this.#situation.priority === OWNER_PRIORITY) return this.#becomeMaster('owner', now);
    const first = settings.startState === 'master' && settings.standing === 'normal';
    this.#becomeBackup({ from: now, length: first ? 'first' : 'down' }, undefined, 'started', now);
  }

  #stop(mode: 'release' | 'leave', reason: StateReason, now: Instant): void {
    if (!this.#configured) return;
    if (mode === 'release') this.#giveUpAddresses(now);
    this.#enter({ kind: 'initialize', startAt: undefined }, reason, now);
    this.#configured = false;
  }

  // Backup

  #heardAsBackup(state: BackupState, heard: Heard, now: Instant): void {
    if (state.handingOver && heard.advert.priority !== 0) this.#endHandOver();
    const next = backupAfter(heard, state, this.#situation, now);
    this.#state = next;
    const { master } = next;
    if (master === undefined || master.address === state.master?.address) return;
    this.#rejections.forgetReports();
    this.#report({ kind: 'master-learned', instance: this.settings.name, master });
  }

  #becomeBackup(wait: Wait, heard: Heard | undefined, reason: StateReason, now: Instant): void {
    this.#enter(newBackup(wait, heard, this.settings), reason, now);
  }

  /**
   * Priority 0 as at the end of a master (RFC 9568 section 6.4.3), but the addresses stay until the successor speaks: the
   * connections that are open end here, those that are not go there. When nobody speaks, the addresses never leave.
   */
  #handOver(now: Instant): void {
    this.#push([holdConnections(this.settings), ...this.#transmitter.parting(now)]);
    this.#becomeBackup({ from: now, length: 'down' }, undefined, 'relinquished', now);
    if (this.#state.kind === 'backup') this.#state = { ...this.#state, handingOver: true };
  }

  #endHandOver(): void {
    this.#push([...removeAddresses(this.settings), releaseConnections(this.settings)]);
  }

  // Master

  #becomeMaster(reason: StateReason, now: Instant): void {
    const mastership = new Mastership(this.#situation, this.#transmitter, this.#counters, now);
    if (this.#state.kind === 'backup' && this.#state.handingOver) this.#push([releaseConnections(this.settings)]);
    this.#counters.becameMaster++;
    this.#push(mastership.begin(now));
    this.#enter({ kind: 'master', mastership }, reason, now);
  }

  #heardAsMaster(mastership: Mastership, heard: Heard, now: Instant): void {
    const { advert, source } = heard;
    if (advert.priority === 0) return this.#push(mastership.heardParting(now));
    const { settings, priority, source: own } = this.#situation;
    const higher =
      advert.priority > priority || (advert.priority === priority && own !== undefined && compareIp(source, own) > 0);
    if (!higher) return this.#push(mastership.heardLower({ address: source, priority: advert.priority }, now));
    if (settings.higherPrioSendAdvert) this.#push(this.#transmitter.advert(now));
    this.#push(removeAddresses(settings));
    this.#becomeBackup({ from: now, length: 'down' }, heard, 'higher-priority', now);
  }

  // Fault

  #faultIfCaused(now: Instant): void {
    const causes = this.#situation.causes().filter(isFailure);
    if (causes.length > 0) this.#enterFault(causes, now, now);
  }

  #enterFault(causes: readonly FaultCause[], startAt: Instant | undefined, now: Instant): void {
    this.#giveUpAddresses(now);
    this.#enter({ kind: 'fault', causes, startAt }, 'fault', now);
  }

  #leaveFaultIfCleared(before: readonly FaultCause[], startAt: Instant | undefined, now: Instant): void {
    const causes = this.#situation.causes();
    if (causes.length > 0) {
      if (sameCauses(before, causes)) return;
      this.#state = { kind: 'fault', causes, startAt };
      this.#report({ kind: 'fault-causes-changed', instance: this.settings.name, causes });
      return;
    }
    if (startAt !== undefined && now < startAt)
      return this.#enter({ kind: 'initialize', startAt }, 'fault-cleared', now);
    const owner = this.#situation.priority === OWNER_PRIORITY;
    this.#becomeBackup({ from: now, length: owner ? 'first' : 'down' }, undefined, 'fault-cleared', now);
  }

  // Common

  #observe(): void {
    const change = this.#situation.observe();
    if (change !== undefined) this.#report({ kind: 'priority-changed', instance: this.settings.name, ...change });
  }

  #receive(packet: ReceivedPacket, now: Instant): void {
    if (!this.#configured || this.#state.kind === 'initialize') return;
    const received = receiveAdvert(packet, this.settings, this.#situation.source, this.#authenticator, now);
    if (!received.ok) return this.#reject(received.error, packet.source);
    const advert = received.value;
    this.#counters.advertsReceived++;
    if (advert.priority === 0) this.#counters.priorityZeroReceived++;
    const known = this.#state.kind === 'backup' && this.#state.master?.address === packet.source;
    const unchecked = this.settings.skipCheckAdvAddr && known;
    const mismatch = unchecked ? undefined : addressListMismatch(advert, this.settings);
    this.#step({ kind: 'advert', heard: { advert, source: packet.source } }, now);
    // After the step, which forgets what was reported when it learns a new master.
    if (mismatch !== undefined) this.#reject(mismatch, packet.source);
  }

  #reject(error: PacketError | AddressListMismatch, source: IpAddress): void {
    const report = this.#rejections.add(this.settings.name, error, source);
    if (report !== undefined) this.#report(report);
  }

  /** What a router does that stops being master for a reason of its own. */
  #giveUpAddresses(now: Instant): void {
    if (this.#state.kind === 'master') {
      this.#push([...this.#transmitter.parting(now), ...removeAddresses(this.settings)]);
    } else if (this.#state.kind === 'backup' && this.#state.handingOver) this.#endHandOver();
  }

  #enter(state: RouterState, reason: StateReason, now: Instant): void {
    const from = this.#state.kind;
    if (from === 'master') this.#counters.releasedMaster++;
    this.#state = state;
    this.#since = now;
    this.#rejections.forgetReports();
    const master = this.#master();
    this.#report({
      kind: 'state-changed',
      instance: this.settings.name,
      from,
      to: state.kind,
      reason,
      priority: this.#situation.priority,
      ...(state.kind === 'fault' ? { causes: state.causes } : {}),
      ...(master === undefined ? {} : { master }),
    });
  }

  #wantsAddresses(): boolean {
    return this.#state.kind === 'master' || (this.#state.kind === 'backup' && this.#state.handingOver);
  }

  #master(): MasterView | undefined {
    if (this.#state.kind === 'backup') return this.#state.master;
    const { source, priority } = this.#situation;
    if (this.#state.kind !== 'master' || source === undefined) return undefined;
    return { address: source, priority };
  }

  #push(outputs: readonly VrrpOutput[]): void {
    this.#outputs.push(...outputs);
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
