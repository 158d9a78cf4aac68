import type { CheckerSettings } from '@keepfleet/health';
import {
  Balancer,
  type BalancerInput,
  type BalancerOutput,
  type CheckerSnapshot,
  type LvsCommand,
  type LvsEvent,
  type LvsOutcome,
  type LvsSettings,
  type LvsSnapshot,
  type OptionOperation,
  type OptionsInput,
  OptionsKeeper,
  type ReportContext,
  addConnections,
  defaultPolicy,
  noConnections,
  reportInParts,
  reportOf,
} from '@keepfleet/ipvs';
import { isLinuxError, monotonicMicros } from '@keepfleet/linux';
import { instant } from '@keepfleet/machine';
import { parseIp } from '@keepfleet/wire';
import type { LinkedProcess, Outcome, StopMode } from '../link/index.ts';
import type { Log } from '../log.ts';
import { tellOfEnd, tellOfNew, tellOfRemoved } from './begin-and-end.ts';
import { AddressMarks } from './address-marks.ts';
import { BfdSessions } from './bfd-sessions.ts';
import { HealthChecks } from './health-checks.ts';
import { type Loaded, loadModuleMeanwhile } from './kernel-modules.ts';
import { KernelTable, MODULE, NoIpvs, type Refusal } from './kernel-table.ts';
import { LocalAddresses } from './local-addresses.ts';
import { Notifier } from './notifier.ts';
import { withFilesRead } from './files-at-start.ts';
import { type Owned, type Ownership, nothingOwned } from './ownership.ts';
import { mistakeIn } from './mistake.ts';
import { remedy } from './remedy.ts';
import { READ_EVERY_MS, readPause } from './read-pace.ts';
import { lvsCommandSchema, lvsSettingsSchema } from './schemas.ts';
import { WallClock } from '../wall-clock.ts';

/** Until the table is read anew after an answer was lost. */
const READ_ANEW_MS = 200;
/** Changes that are sent by one system call; a tenth of it each time the receive buffer did not hold the refusals. */
const BATCH = 400;
/** Without another overrun, as many changes are sent at once as before. */
const GROW_AFTER_MS = 60_000;
/** Of a stop, to remove what is its own. */
const RELEASE_ATTEMPTS = 3;
/** Between two attempts to find IPVS in a kernel that has none. */
const RETRY_EVERY_MS = 30_000;

export interface LvsListener {
  event(event: LvsEvent): void;
  /** The snapshot is another. */
  changed(): void;
  problems(problems: readonly string[]): void;
  /** Everything is put down; the process may end. */
  stopped(): void;
}

const nobody: LvsListener = { event() {}, changed() {}, problems() {}, stopped() {} };

/** IPVS and the health checks of a node, at the word of the control process and without it. */
export class LvsProcess implements LinkedProcess<LvsSettings<CheckerSettings>, LvsCommand, LvsSnapshot> {
  readonly role = 'lvs';
  readonly settings = lvsSettingsSchema;
  readonly command = lvsCommandSchema;
  readonly alike = true;
  readonly #balancer = new Balancer();
  readonly #options = new OptionsKeeper();
  /** Told by whoever runs them. */
  readonly bfdSessions = new BfdSessions();
  readonly #health: HealthChecks;
  readonly #notifier: Notifier;
  readonly #marks: AddressMarks;
  readonly #wallClock = new WallClock();
  readonly #ownership: Ownership;
  #listener: LvsListener = nobody;
  readonly #log: Log;
  #table: KernelTable | undefined;
  #timer: NodeJS.Timeout | undefined;
  #nextTickMs = READ_EVERY_MS;
  #batch = BATCH;
  #overranAt = -Infinity;
  #settings: LvsSettings<CheckerSettings> | undefined;
  #owned = nothingOwned;
  /** Only while a service has ha_suspend. */
  #addresses: LocalAddresses | undefined;
  #unavailableBecause: string | undefined;
  #lacksIpvs = false;
  /** As told last. */
  #problems = '[]';
  #stopped = false;
  readonly #ending = new AbortController();
  #reading = false;

  constructor(ownership: Ownership, log: Log) {
    this.#ownership = ownership;
    this.#log = log;
    this.#notifier = new Notifier(log);
    this.#marks = new AddressMarks(
      log,
      (marks) => this.#own({ ...this.#owned, marks }),
      (what) => this.#listener.event({ kind: 'drift-repaired', service: 'ipvs', what }),
    );
    this.#health = new HealthChecks(
      {
        health: (service, server, up, reason) => this.#feed({ kind: 'health', service, server, up, reason }),
        effect: (service, server, effect) => this.#feed({ kind: 'effect', service, server, effect }),
        confirmedDown: (service, server) => this.#notifier.server(service, server, false),
        ran: () => this.#listener.changed(),
      },
      this.bfdSessions,
      log,
    );
  }

  /** Finds out what an earlier run and others left in the kernel; call it before the first `configure`. */
  start(listener: LvsListener): void {
    this.#listener = listener;
    this.#owned = this.#ownership.read();
    this.#marks.seed(this.#owned.marks);
    this.#feed({ kind: 'owned', services: this.#owned.services });
    this.#feedOptions({ kind: 'left', left: this.#owned.options });
    this.#tick();
    // The schema makes itself ready when it is used first, which takes as long as reading thousands of servers.
    lvsSettingsSchema.safeParse({ groups: [], virtualServers: [] });
  }

  configure(settings: LvsSettings<CheckerSettings>): { refused: string } | undefined {
    const refused = mistakeIn(settings, new Set(this.#settings?.virtualServers));
    if (refused !== undefined) return { refused };
    if ((this.#settings?.kernel.receiveBuffer ?? null) !== settings.kernel.receiveBuffer) {
      this.#settings = settings;
      this.#batch = BATCH;
      this.#table?.close();
      this.#table = undefined;
      this.#open();
    }
    // A table that is known is at most a few seconds old; what changed meanwhile is drift, and found at its next reading.
    if (this.#balancer.table === undefined) this.#read();
    const before = new Set(this.#balancer.states.map((state) => state.settings.key));
    tellOfRemoved(this.#balancer.states, settings, this.#notifier);
    this.#settings = settings;
    this.#notifier.configure(settings);
    this.#health.beginReturns(settings);
    const groups = this.#marks.groups(settings);
    let marked = false;
    const mark = () => {
      if (!marked) this.#marks.apply(settings.addressMarks, groups);
      marked = true;
    };
    // Between the services that come and those that go, so that no mark is without its service.
    this.#feed({ kind: 'configure', settings: { ...withFilesRead(settings), groups } }, mark);
    mark();
    tellOfNew(this.#balancer.states, before, settings.notify?.initial === true, this.#notifier);
    this.#feedOptions({ kind: 'configure', settings: settings.kernel });
    this.#health.configure(
      settings,
      (service, server) => this.#balancer.isUp(service, server),
      (service, server) => this.#balancer.adoptedWeight(service, server),
    );
    this.#watchAddresses();
    this.#rest();
    return undefined;
  }

  carryOut(command: LvsCommand): Outcome {
    switch (command.kind) {
      case 'connections':
        return this.#connections(command);
      case 'masters':
        this.#feedOptions({ kind: 'masters', instances: command.instances });
        return { ok: true };
      case 'zero':
        return this.#zero(command.service);
    }
  }

  #connections(command: Extract<LvsCommand, { kind: 'connections' }>): Outcome {
    const address = parseIp(command.address);
    if (!address.ok) return { ok: false, reason: `not an IP address: ${command.address}` };
    this.#read();
    if (this.#balancer.table === undefined)
      return { ok: false, reason: this.#balancer.unavailable ?? 'the table of the kernel was not read yet' };
    const services = this.#balancer.connectionsOf(address.value, command.port);
    const total = services.reduce((sum, each) => addConnections(sum, each), noConnections);
    const value: LvsOutcome = { ok: true, services, total };
    return { ok: true, value };
  }

  #zero(service: string | undefined): Outcome {
    const services = service === undefined ? undefined : this.#balancer.servicesOf(service);
    if (service !== undefined && services === undefined) return { ok: false, reason: `no virtual server ${service}` };
    if (this.#table === undefined) return { ok: false, reason: this.#balancer.unavailable ?? 'IPVS is not available' };
    try {
      this.#table.zero(services);
    } catch (error) {
      if (!isLinuxError(error)) throw error;
      return { ok: false, reason: error.message };
    }
    this.#read();
    return { ok: true };
  }

  stop(mode: StopMode): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#ending.abort();
    clearTimeout(this.#timer);
    this.#health.stop();
    this.#addresses?.close();
    let told = 0;
    if (mode === 'release') {
      told = tellOfEnd(this.#balancer.states, (event) => this.#listener.event(event), this.#notifier);
      this.#release();
    }
    const isUnknown = mode === 'release' && this.#table === undefined && !this.#lacksIpvs;
    const left = this.#owned.services.filter((key) => this.#balancer.table?.has(key));
    this.#table?.close();
    this.#notifier.close();
    const details = { mode, ...(mode === 'release' ? { serversInUse: told } : {}) };
    if (mode !== 'release') this.#log.info(details, 'stopped; IPVS is left as it is');
    else if (isUnknown || left.length > 0) {
      const which = isUnknown ? this.#owned.services : left;
      this.#log.error(
        { ...details, services: which },
        `stopped; own services may be left in IPVS: ${which.join(', ')}`,
      );
    } else this.#log.info(details, `stopped; ${this.#lacksIpvs ? 'there is no IPVS' : 'own services are removed'}`);
    this.#listener.stopped();
  }

  /** Also where the socket was lost a moment ago: nobody comes later to remove what is left. */
  #release(): void {
    this.#read();
    // As at a reload: no mark is without its service.
    this.#marks.remove();
    for (let attempt = 0; attempt < RELEASE_ATTEMPTS; attempt++) {
      if (this.#table === undefined && !this.#lacksIpvs) this.#open();
      this.#feed({ kind: 'release' });
      this.#feedOptions({ kind: 'release' });
      // Read once more, so that the list of own services says what is true.
      this.#read();
      if (this.#table !== undefined || this.#lacksIpvs) return;
    }
  }

  snapshot(): LvsSnapshot {
    return { ...reportOf(this.#balancer, this.#reportContext()), ...this.#revision() };
  }

  *snapshotText(): Generator<string, void> {
    const { head, virtualServers } = reportInParts(this.#balancer, this.#reportContext());
    yield `${JSON.stringify({ ...head, ...this.#revision() }).slice(0, -1)},"virtualServers":[`;
    let separator = '';
    for (const virtualServer of virtualServers) {
      yield separator + JSON.stringify(virtualServer);
      separator = ',';
    }
    yield ']}';
  }

  #revision(): Pick<LvsSnapshot, 'revision'> {
    const { revision } = this.#settings ?? {};
    return revision === undefined ? {} : { revision };
  }

  #reportContext(): ReportContext {
    const unixMillis = this.#wallClock.reading();
    return {
      unixMillis,
      options: this.#options.report,
      checkers: (service, server) =>
        this.#health.of(service, server).map(({ what, status }): CheckerSnapshot => {
          const { up, ran, lastResult, failures, since } = status;
          const state = up ? 'up' : 'down';
          return { what, state, ran, lastResult, failures, since: unixMillis(since) };
        }),
    };
  }

  #tick(tried?: Loaded): void {
    this.#growAgain();
    if (this.#table === undefined) this.#open(tried);
    else this.#read();
    this.#marks.look();
    this.#tellProblems();
    this.#listener.changed();
    this.#schedule();
  }

  /** With each reading of the table, not with each check that is left out: there may be thousands of those a second. */
  #tellProblems(): void {
    const problems = [
      this.#unavailableBecause,
      this.#health.problem,
      this.#marks.problem,
      ...this.#notifier.problems,
    ].filter((each) => each !== undefined);
    const text = JSON.stringify(problems);
    if (text === this.#problems) return;
    this.#problems = text;
    this.#listener.problems(problems);
  }

  #open(tried?: Loaded): void {
    try {
      const receiveBuffer = this.#settings?.kernel.receiveBuffer ?? null;
      this.#table = KernelTable.open({ receiveBuffer, batch: this.#batch }, tried);
      this.#lacksIpvs = false;
      this.#nextTickMs = READ_EVERY_MS;
      this.#unavailableBecause = undefined;
      this.#tellProblems();
      this.#log.info({ ...this.#table.info }, 'IPVS is there');
    } catch (error) {
      this.#unavailable(error);
      return;
    }
    this.#read();
  }

  #read(configuring = false): void {
    if (this.#table === undefined) return;
    const start = performance.now();
    this.#reading = true;
    try {
      const options = this.#table.readOptions();
      const services = this.#table.read();
      this.#feedOptions({ kind: 'actual', ...options });
      this.#feed({ kind: 'table', services, configuring });
    } catch (error) {
      this.#lost(error);
    } finally {
      this.#reading = false;
    }
    const took = performance.now() - start;
    const { statisticsAge } = this.#settings?.policy ?? defaultPolicy;
    if (this.#table !== undefined) this.#nextTickMs = readPause(took, statisticsAge / 1_000);
  }

  /** One time at which the answers did not fit says little of the next. */
  #growAgain(): void {
    if (this.#table === undefined || this.#batch === BATCH) return;
    if (performance.now() - this.#overranAt < GROW_AFTER_MS) return;
    this.#batch = BATCH;
    this.#table.close();
    this.#table = undefined;
  }

  /** The socket lost an answer, or the module is gone: what the kernel has is not known any more, and is read anew. */
  #lost(error: unknown): void {
    this.#table?.close();
    this.#table = undefined;
    if (isLinuxError(error, 'ENOBUFS')) {
      this.#batch = Math.max(1, Math.floor(this.#batch / 10));
      this.#overranAt = performance.now();
    }
    this.#unavailable(error);
    this.#nextTickMs = READ_ANEW_MS;
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#nextTick(), this.#nextTickMs);
  }

  /** A kernel without IPVS is asked for it again and again, and checks go on meanwhile. */
  async #nextTick(): Promise<void> {
    const tried = this.#lacksIpvs ? await loadModuleMeanwhile(MODULE, this.#ending.signal) : undefined;
    if (!this.#stopped) this.#tick(tried);
  }

  #unavailable(error: unknown): void {
    if (!(error instanceof Error)) throw error;
    // A kernel does not grow IPVS soon; every other failure may be over at the next reading.
    this.#lacksIpvs = error instanceof NoIpvs;
    this.#nextTickMs = this.#lacksIpvs ? RETRY_EVERY_MS : READ_EVERY_MS;
    const reason = `${error.message}; no virtual server is looked after on this node (VRRP goes on): ${remedy(error)}. Tried again every ${this.#nextTickMs / 1_000} s.`;
    this.#unavailableBecause = reason;
    this.#tellProblems();
    this.#feed({ kind: 'unavailable', reason });
  }

  #feed(input: BalancerInput, beforeDeletions?: () => void): readonly BalancerOutput[] {
    const outputs = this.#balancer.handle(input, instant(monotonicMicros()));
    for (const output of outputs) {
      switch (output.kind) {
        case 'own':
          this.#own({ ...this.#owned, services: output.services });
          break;
        case 'apply':
          this.#refused(
            this.#inKernel((table) => table.apply(output.operations, beforeDeletions)) ?? [],
            input.kind === 'configure',
          );
          break;
        case 'read':
          // By whoever tells of the refusals, when all are told.
          break;
        case 'flush':
          this.#inKernel((table) => table.flush());
          break;
        case 'event':
          this.#listener.event(output.event);
          this.#notifier.event(output.event);
          break;
      }
    }
    this.#listener.changed();
    return outputs;
  }

  /** What is refused for itself is told before a reading, which would take it for drift. */
  #refused(refusals: readonly Refusal[], configuring: boolean): void {
    let isStale = false;
    for (const { operation, reason, isGone } of refusals) {
      // What a reading has just shown, and is gone all the same, is not read for again and again.
      const outputs = this.#feed({ kind: 'refused', operation, reason, isGone: isGone && !this.#reading });
      isStale ||= outputs.some(({ kind }) => kind === 'read');
    }
    if (isStale) this.#read(configuring);
  }

  #feedOptions(input: OptionsInput): void {
    for (const output of this.#options.handle(input)) {
      switch (output.kind) {
        case 'leave':
          this.#own({ ...this.#owned, options: output.left });
          break;
        case 'apply-options':
          this.#applyOptions(output.operations);
          break;
        case 'event':
          this.#listener.event(output.event);
          break;
      }
    }
    this.#listener.changed();
  }

  #applyOptions(operations: readonly OptionOperation[]): void {
    const refusals = this.#inKernel((table) => table.applyOptions(operations));
    if (refusals === undefined) return;
    const reasons = new Map(refusals.map(({ operation, reason }) => [operation, reason]));
    for (const operation of operations) {
      const reason = reasons.get(operation);
      this.#feedOptions(reason === undefined ? { kind: 'done', operation } : { kind: 'refused', operation, reason });
    }
  }

  #inKernel<T>(change: (table: KernelTable) => T): T | undefined {
    if (this.#table === undefined) return undefined;
    try {
      return change(this.#table);
    } catch (error) {
      if (!isLinuxError(error)) throw error;
      this.#lost(error);
      return undefined;
    }
  }

  #own(owned: Owned): void {
    this.#owned = owned;
    this.#ownership.write(owned);
  }

  #watchAddresses(): void {
    const wanted = this.#settings?.virtualServers.some(({ haSuspend }) => haSuspend) === true;
    if (wanted) this.#addresses ??= new LocalAddresses(() => this.#rest());
    else {
      this.#addresses?.close();
      this.#addresses = undefined;
    }
  }

  /** The servers of a service whose address is elsewhere are not checked; they keep the state that they have. */
  #rest(): void {
    const resting = (this.#settings?.virtualServers ?? []).filter(
      ({ haSuspend, target }) =>
        haSuspend && target.kind === 'address' && this.#addresses?.has(target.address) === false,
    );
    this.#health.rest(new Set(resting.map(({ key }) => key)));
  }
}
