import { type Duration, type Instant, type Machine, after, between, earliest } from '@keepfleet/machine';
import { compareIp } from '@keepfleet/wire';
import { removeAddresses, removeResidual, removeRouting } from './address-release.ts';
import { AnnounceGaps } from './announce-gaps.ts';
import { type BackupState, type Heard, type Wait, backupAfter, masterDownAt, newBackup } from './backup.ts';
import { Authenticator, type Surroundings, noSurroundings } from './authentication.ts';
import { type Beat, Beats } from './beats.ts';
import { HandOver } from './hand-over.ts';
import { Hearing } from './hearing.ts';
import { Mastership } from './mastership.ts';
import type {
  FaultCause,
  MasterView,
  ReceivedPacket,
  RouterInput,
  RouterStateName,
  StateReason,
  VrrpOutput,
} from './messages.ts';
import { notifyState } from './notifications.ts';
import { Outbox } from './outbox.ts';
import { Receiver } from './receiver.ts';
import { routerSnapshot } from './router-snapshot.ts';
import type { Happening, RouterState } from './router-state.ts';
import { type VirtualRouterSettings, sameAddress, sameIdentity } from './settings.ts';
import { Situation } from './situation.ts';
import type { RouterSnapshot } from './snapshot.ts';
import { type RouterCounters, newCounters } from './stats.ts';
import { OWNER_PRIORITY, isFailure, sameCauses } from './tracking.ts';
import { masterDownInterval } from './timers.ts';
import { Transmitter } from './transmission.ts';

/** One virtual router: RFC 9568 section 6.4, with keepalived's fault state, tracking and announcements. */
export class VirtualRouter implements Machine<RouterInput, VrrpOutput> {
  readonly #situation: Situation;
  readonly #counters: RouterCounters = newCounters();
  readonly #receiver: Receiver;
  readonly #transmitter: Transmitter;
  readonly #gaps: AnnounceGaps;
  readonly #beats: Beats;
  /** Where in the interval it speaks as master. */
  #beat: Beat | undefined;
  readonly #hearing = new Hearing();
  #configured = false;
  #state: RouterState = { kind: 'initialize', startAt: undefined };
  #since: Instant;
  readonly #handOver: HandOver;
  #dueAt: number | undefined;
  readonly #outbox = new Outbox();

  /** Does nothing before its first `configure`; what it should know of interfaces is to be told before that. */
  constructor(
    settings: VirtualRouterSettings,
    now: Instant,
    surroundings: Surroundings = noSurroundings,
    gaps = new AnnounceGaps(),
    beats = new Beats(),
  ) {
    this.#gaps = gaps;
    this.#beats = beats;
    this.#situation = new Situation(settings);
    const authenticator = new Authenticator(surroundings);
    this.#transmitter = new Transmitter(this.#situation, authenticator, this.#counters);
    this.#receiver = new Receiver(this.#situation, authenticator, this.#counters, this.#outbox);
    this.#handOver = new HandOver(this.#situation, this.#transmitter, this.#outbox);
    this.#since = now;
  }

  get settings(): VirtualRouterSettings {
    return this.#situation.settings;
  }

  get state(): RouterStateName {
    return this.#state.kind;
  }

  /** Something of its own, not of its sync group, keeps it from taking part. */
  get failing(): boolean {
    return (
      this.#configured && this.#situation.causes.some((cause) => isFailure(cause) && cause.kind !== 'group-member')
    );
  }

  /** Nothing but its sync group keeps it from starting. */
  get ready(): boolean {
    if (this.#state.kind !== 'initialize' || this.failing) return true;
    return this.#state.heldUp === true && this.#situation.causes.length === 0;
  }

  /** Another router is heard as master, whether this one obeys it or not. */
  get hearsMaster(): boolean {
    return this.#hearing.isMasterHeard;
  }

  /** It has addresses that its successor does not have yet; of one that was stopped the last that is to be waited for. */
  get isHandingOver(): boolean {
    return this.#handOver.isActive;
  }

  /** Its wait for a master is over, and it waits for the rest of its sync group. */
  get wantsMaster(): boolean {
    return this.#state.kind === 'backup' && this.#state.wantsMaster;
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
      case 'static':
        if (this.#situation.takeStatic(input.missing)) this.#step({ kind: 'changed' }, now);
        break;
      case 'group':
        if (this.#situation.takeGroup(input)) this.#step({ kind: 'changed' }, now);
        break;
      case 'relinquish':
      case 'lead':
      case 'yield':
      case 'announce':
        this.#step(input, now);
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
    this.#dueAt = undefined;
    return this.#outbox.take();
  }

  timeout(now: Instant): readonly VrrpOutput[] {
    this.#hearing.timeout(now);
    this.#handOver.timeout(now);
    const deadline = this.#stateDeadline();
    if (deadline !== undefined && deadline <= now) this.#step({ kind: 'timeout', late: between(deadline, now) }, now);
    this.#dueAt = undefined;
    return this.#outbox.take();
  }

  /**
   * When there is something for {@link timeout} to do at the earliest; Infinity for never. Kept until the next input or
   * time-out, because a node of hundreds of routers asks all of them whenever one has acted.
   */
  get dueAt(): number {
    return (this.#dueAt ??= earliest(this.nextDeadline(), this.noticeDeadline()) ?? Infinity);
  }

  nextDeadline(): Instant | undefined {
    return earliest(this.#handOver.endAt, this.#stateDeadline());
  }

  #stateDeadline(): Instant | undefined {
    const state = this.#state;
    switch (state.kind) {
      case 'initialize':
        return state.heldUp === true ? undefined : state.startAt;
      case 'backup':
        return state.wantsMaster ? undefined : masterDownAt(state, this.#situation);
      case 'master':
        return state.mastership.nextDeadline();
      case 'fault':
        return undefined;
    }
  }

  /** When {@link timeout} has to be called besides, for the snapshot alone: to notice that an advert is overdue. */
  noticeDeadline(): Instant | undefined {
    return this.#hearing.nextDeadline();
  }

  /** {@link timeout} would now take a silence for the end of a master: adverts that have arrived are to be handled before. */
  isSilenceOver(now: Instant): boolean {
    const until = earliest(this.noticeDeadline(), this.#state.kind === 'backup' ? this.#stateDeadline() : undefined);
    return until !== undefined && until <= now;
  }

  /** `epochMillis` turns an instant into milliseconds since 1970. */
  snapshot(epochMillis: (instant: Instant) => number): RouterSnapshot {
    const state = this.#state;
    return routerSnapshot({
      situation: this.#situation,
      state: state.kind,
      wantsMaster: this.wantsMaster,
      since: epochMillis(this.#since),
      causes: state.kind === 'fault' ? state.causes : [],
      master: this.#master(),
      hearsMaster: this.hearsMaster,
      masterInterval: state.kind === 'backup' ? state.masterInterval : this.settings.advertInterval,
      wantsAddresses: this.#wantsAddresses(),
      routingMissing: state.kind === 'master' ? state.mastership.routingMissing : [],
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
          default:
            return;
        }
      case 'backup':
        switch (happening.kind) {
          case 'changed':
            return this.#faultIfCaused(now);
          case 'timeout':
            return this.#masterFellSilent(state, happening.late, now);
          case 'advert':
            return this.#heardAsBackup(state, happening.heard, now);
          case 'lead':
            return this.#becomeMaster(state.wantsMaster ? 'master-down' : 'group', now);
          default:
            return;
        }
      case 'master':
        switch (happening.kind) {
          case 'changed':
            this.#faultIfCaused(now);
            if (this.#state.kind === 'master')
              this.#outbox.push(state.mastership.checkAddresses(happening.interface, now));
            return;
          case 'timeout':
            return this.#masterTimeout(state.mastership, happening.late, now);
          case 'advert':
            return this.#heardAsMaster(state.mastership, happening.heard, now);
          case 'relinquish':
            return this.#relinquish(now);
          case 'routing':
            return this.#outbox.push(state.mastership.takeRouting(happening, now));
          case 'yield':
            return this.#stepDown(undefined, 'group', now);
          case 'announce':
            return this.#outbox.push(state.mastership.announceAgain(happening.asked, now));
          case 'lead':
            return;
        }
        break;
      case 'fault':
        switch (happening.kind) {
          case 'changed':
            return this.#leaveFaultIfCleared(state.causes, state.startAt, now);
          default:
            return;
        }
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
    if (this.#state.kind === 'master')
      this.#outbox.push(this.#state.mastership.reconfigured(before, added, removed, now));
    else {
      // What is residual goes before we speak.
      const unwanted = this.#wantsAddresses() ? removed : [...added, ...(first ? [] : removed)];
      if (first) this.#outbox.push(removeRouting(settings.routing ?? []));
      this.#outbox.push(removeResidual(settings.name, unwanted, this.#situation.interfaces));
    }
    // Not `changed`: what was just added is not yet read back.
    this.#observe();
    const state = this.#state;
    if (state.kind === 'initialize') this.#startIfDue(state.startAt, now);
    else if (state.kind === 'fault') this.#leaveFaultIfCleared(state.causes, state.startAt, now);
    else this.#faultIfCaused(now);
  }

  #startIfDue(startAt: Instant | undefined, now: Instant): void {
    const { settings } = this;
    const { causes, group, priority } = this.#situation;
    // What has not told anything yet is no fault, but there is no start without it.
    if (causes.some(isFailure)) return this.#enterFault(causes, startAt, now);
    if (startAt === undefined || now < startAt) return;
    if (causes.length > 0 || (settings.syncGroup !== undefined && group === undefined)) {
      this.#state = { kind: 'initialize', startAt, heldUp: true };
      return;
    }
    // RFC 9568 section 6.4.1: the address owner does not wait, except for a group whose other members have to.
    if (priority === OWNER_PRIORITY && group?.mixed !== true) return this.#becomeMaster('owner', now);
    const first = settings.startState === 'master' && settings.standing === 'normal';
    this.#becomeBackup({ from: now, length: first ? 'first' : 'down' }, undefined, 'started', now);
  }

  #stop(mode: 'release' | 'leave', reason: 'stopped' | 'removed' | 'reconfigured', now: Instant): void {
    // Asked once more: nobody is waited for.
    if (!this.#configured) return this.#handOver.end();
    if (mode === 'leave') this.#handOver.forget();
    else if (reason !== 'stopped') this.#giveUpAddresses(now);
    else if (this.#state.kind === 'master') this.#handOver.begin(now);
    this.#enter({ kind: 'initialize', startAt: undefined }, reason, now);
    this.#configured = false;
    this.#hearing.forget();
    // What stays as it is ends for nobody.
    const ending = mode === 'leave' ? undefined : notifyState('initialize', reason);
    if (ending !== undefined) this.#handOver.stop(ending, now);
  }

  // Backup

  #heardAsBackup(state: BackupState, heard: Heard, now: Instant): void {
    this.#handOver.hear(heard, now);
    const next = backupAfter(heard, state, this.#situation, now);
    this.#state = next;
    const { master } = next;
    if (master === undefined || master.address === state.master?.address) return;
    this.#receiver.forgetReports();
    this.#outbox.report({ kind: 'master-learned', instance: this.settings.name, master });
  }

  /** RFC 9568 section 6.4.2, but not blindly, and with its sync group or not at all. */
  #masterFellSilent(state: BackupState, late: Duration, now: Instant): void {
    const { settings, priority, group } = this.#situation;
    const down = masterDownInterval(settings, priority, state.masterInterval);
    if (late > down) {
      // Whoever is master now had no chance to tell: hear it first.
      this.#outbox.report({ kind: 'overslept', instance: settings.name, state: 'backup', late });
      this.#state = { ...state, wait: { from: now, length: 'first' } };
      return;
    }
    if (group === undefined) return this.#becomeMaster('master-down', now);
    this.#state = { ...state, wantsMaster: true };
    this.#handOver.endBy(after(now, down));
  }

  #becomeBackup(wait: Wait, heard: Heard | undefined, reason: StateReason, now: Instant): void {
    this.#enter(newBackup(wait, heard, this.settings), reason, now);
  }

  #relinquish(now: Instant): void {
    this.#handOver.begin(now);
    this.#becomeBackup({ from: now, length: 'down' }, undefined, 'relinquished', now);
  }

  // Master

  #becomeMaster(reason: StateReason, now: Instant): void {
    const beat = this.#beats.take(this.settings.syncGroup);
    this.#beat = beat;
    const mastership = new Mastership(this.#situation, this.#transmitter, this.#counters, this.#gaps, beat.place, now);
    this.#handOver.cancel();
    this.#counters.becameMaster++;
    this.#outbox.push(mastership.begin(now));
    this.#enter({ kind: 'master', mastership }, reason, now);
  }

  #heardAsMaster(mastership: Mastership, heard: Heard, now: Instant): void {
    const { advert, source } = heard;
    if (advert.priority === 0) return this.#outbox.push(mastership.heardParting(now));
    const { settings, priority, source: own } = this.#situation;
    const higher =
      advert.priority > priority || (advert.priority === priority && own !== undefined && compareIp(source, own) > 0);
    // It overslept, so the other is the master by right; taking over from it is preemption.
    if (!higher && mastership.doubting && !settings.preempt) return this.#stepDown(heard, 'overslept', now);
    if (!higher) {
      this.#outbox.push(mastership.heardLower({ address: source, priority: advert.priority }, now));
      return this.#outbox.notify(settings, 'MASTER_RX_LOWER_PRI', priority);
    }
    if (settings.higherPrioSendAdvert) this.#outbox.push(this.#transmitter.advert(now));
    this.#stepDown(heard, 'higher-priority', now);
  }

  #masterTimeout(mastership: Mastership, late: Duration, now: Instant): void {
    const { settings } = this;
    const { timerExpiredBackup: adverts, preempt, advertInterval } = settings;
    if (adverts === undefined || preempt || late <= adverts * advertInterval)
      return this.#outbox.push(mastership.timeout(now));
    this.#outbox.report({ kind: 'overslept', instance: settings.name, state: 'master', late });
    this.#stepDown(undefined, 'overslept', now);
  }

  /** To backup without a priority 0: somebody else is the master, or may be. */
  #stepDown(heard: Heard | undefined, reason: StateReason, now: Instant): void {
    this.#outbox.push(removeAddresses(this.settings));
    this.#becomeBackup({ from: now, length: 'down' }, heard, reason, now);
  }

  // Fault

  #faultIfCaused(now: Instant): void {
    const causes = this.#situation.causes.filter(isFailure);
    if (causes.length > 0) this.#enterFault(causes, now, now);
  }

  #enterFault(causes: readonly FaultCause[], startAt: Instant | undefined, now: Instant): void {
    this.#giveUpAddresses(now);
    this.#enter({ kind: 'fault', causes, startAt }, 'fault', now);
  }

  #leaveFaultIfCleared(before: readonly FaultCause[], startAt: Instant | undefined, now: Instant): void {
    const { causes } = this.#situation;
    if (causes.length > 0) {
      if (sameCauses(before, causes)) return;
      this.#state = { kind: 'fault', causes, startAt };
      this.#outbox.report({ kind: 'fault-causes-changed', instance: this.settings.name, causes });
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
    if (change === undefined) return;
    const { settings } = this;
    this.#outbox.report({ kind: 'priority-changed', instance: settings.name, ...change });
    if (settings.notify?.priorityChanges === true)
      this.#outbox.notify(settings, this.#state.kind === 'master' ? 'MASTER_PRIORITY' : 'BACKUP_PRIORITY', change.to);
  }

  #receive(packet: ReceivedPacket, now: Instant): void {
    if (!this.#configured && !this.#handOver.isActive) return;
    if (this.#state.kind === 'initialize') {
      // RFC 9568 section 6.4.1 has nothing to do with adverts here; that there is a master is known all the same.
      const overheard = this.#receiver.overhear(packet, now);
      if (overheard === undefined) return;
      this.#hearing.take(overheard, this.settings, now);
      return this.#handOver.hear(overheard, now);
    }
    const heard = this.#receiver.take(
      packet,
      now,
      this.#state.kind === 'backup' ? this.#state.master?.address : undefined,
    );
    if (heard === undefined) return;
    this.#hearing.take(heard, this.settings, now);
    this.#step({ kind: 'advert', heard }, now);
    // After the step, which forgets what was reported when it learns a new master.
    for (const mismatch of heard.mismatches) this.#receiver.reject(mismatch, packet.source);
  }

  /** What a router does that can be master no more for a reason of its own. */
  #giveUpAddresses(now: Instant): void {
    this.#handOver.end();
    if (this.#state.kind === 'master')
      this.#outbox.push([...this.#transmitter.parting(now), ...removeAddresses(this.settings)]);
  }

  #enter(state: RouterState, reason: StateReason, now: Instant): void {
    const from = this.#state.kind;
    if (from === 'master') {
      this.#counters.releasedMaster++;
      if (this.#beat !== undefined) this.#beats.free(this.#beat);
      this.#beat = undefined;
    }
    this.#state = state;
    this.#since = now;
    this.#receiver.forgetReports();
    const master = this.#master();
    this.#outbox.report({
      kind: 'state-changed',
      instance: this.settings.name,
      from,
      to: state.kind,
      reason,
      priority: this.#situation.priority,
      ...(state.kind === 'fault' ? { causes: state.causes } : {}),
      ...(master === undefined ? {} : { master }),
    });
    // Of a stop, at its end.
    const told = state.kind === 'initialize' ? undefined : notifyState(state.kind, reason);
    if (told !== undefined) this.#outbox.notify(this.settings, told, this.#situation.priority);
  }

  #wantsAddresses(): boolean {
    return this.#state.kind === 'master' || this.#handOver.isActive;
  }

  #master(): MasterView | undefined {
    if (this.#state.kind === 'backup') return this.#state.master;
    const { source, priority } = this.#situation;
    if (this.#state.kind !== 'master' || source === undefined) return undefined;
    return { address: source, priority };
  }
}
