import { createHmac } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { DeadlineTimer, Rtnetlink } from '@keepfleet/linux';
import { type Duration, type Instant, instant, millis, toMillis } from '@keepfleet/machine';
import {
  type ReceivedPacket,
  type TrackerInput,
  VrrpNode,
  type VrrpCommand,
  type VrrpEvent,
  type VrrpInput,
  type VrrpOutput,
  type VrrpSettings,
  type VrrpSnapshot,
  type WantedInterface,
  checkSettings,
  wantedInterfaces,
} from '@keepfleet/vrrp';
import { vrrpEventText } from '../control/events.ts';
import type { LinkedProcess, Outcome, Refusal, StopMode } from '../link/index.ts';
import type { Log } from '../log.ts';
import { VirtualAddresses } from './addresses.ts';
import { Announcer } from './announcer.ts';
import { ScriptRunner } from '../scripts/script-runner.ts';
import { ConnectionHold } from './connection-hold.ts';
import { Firewall } from './firewall.ts';
import { HOLD_UP_TEXT, HoldUps } from './hold-up.ts';
import { InterfaceTable } from './interfaces.ts';
import { LATE, Lateness } from './lateness.ts';
import { ProcessScheduling } from '../scheduling.ts';
import { VirtualRouting } from './routing.ts';
import { vrrpCommandSchema, vrrpSettingsSchema } from './schemas.ts';
import { Notifier } from './notifier.ts';
import { rehearse } from './rehearse.ts';
import { SecondaryPromotion } from './secondary-promotion.ts';
import { SocketPool } from './sockets.ts';
import { VirtualInterfaces } from './virtual-interfaces.ts';
import { TrackerPool } from './trackers/index.ts';
import { WallClock, monotonicNow } from '../wall-clock.ts';

export interface VrrpProcessListener {
  event(event: VrrpEvent): void;
  /** The snapshot is another one in more than its counters, which go with the next one that is due anyway. */
  changed(): void;
  /** Everything is released or left, as asked; the process may end. */
  stopped(): void;
}

/** With adverts more often than that, a hand-over of one router does not hold the others up. */
const SHORTEST_PATIENCE = millis(50);
/** A socket that could not be opened is tried again after this. */
const RETRY_MS = 1_000;
/** How long scripts may hold up the end of the process; those that take longer go on without it. */
const SCRIPTS_END_MS = 1_000;

/** The driver of {@link VrrpNode}: sockets, addresses, interfaces and one timer. */
export class VrrpProcess implements LinkedProcess<VrrpSettings, VrrpCommand, VrrpSnapshot> {
  readonly role = 'vrrp';
  readonly settings = vrrpSettingsSchema;
  readonly command = vrrpCommandSchema;
  readonly #node: VrrpNode;
  readonly #rtnetlink = new Rtnetlink();
  readonly #interfaces: InterfaceTable;
  readonly #sockets: SocketPool;
  readonly #addresses: VirtualAddresses;
  readonly #announcer: Announcer;
  readonly #virtual: VirtualInterfaces;
  readonly #routing: VirtualRouting;
  readonly #promotion = new SecondaryPromotion();
  readonly #firewall: Firewall;
  readonly #hold: ConnectionHold;
  readonly #scripts = new ScriptRunner();
  readonly #notifier: Notifier;
  readonly #trackers: TrackerPool;
  readonly #lateness = new Lateness();
  readonly #holdUps = new HoldUps(monotonicNow());
  readonly #scheduling: ProcessScheduling;
  readonly #clock = new WallClock();
  readonly #log: Log;
  #listener: VrrpProcessListener | undefined;
  #settings: VrrpSettings | undefined;
  /** Interfaces that the present settings need made. */
  #wantedInterfaces: readonly WantedInterface[] = [];
  readonly #queue: VrrpInput[] = [];
  /** Whether the socket of an interface and family is open, as the node was last told. */
  readonly #socketStates = new Map<string, boolean>();
  #working = false;
  /** Something of the snapshot besides its counters has changed and was not told. */
  #news = false;
  /** Never goes back, although packets bring the time of their arrival. */
  #now: Instant = monotonicNow();
  readonly #timer = new DeadlineTimer(() => this.#serve());
  #retry: NodeJS.Timeout | undefined;
  #rehearsal: NodeJS.Immediate | undefined;
  /** As the node counted them when the snapshot was last told to be another. */
  #hearingChanges = 0;
  #stopping: StopMode | undefined;
  readonly #stopAskedBy = new Set<'signal' | 'control'>();
  #stopped = false;

  constructor(log: Log) {
    this.#log = log;
    // A backup that has waited for weeks is not to compile its takeover anew.
    setFlagsFromString('--no-flush-bytecode');
    this.#node = new VrrpNode({
      digests: { hmac: (algorithm, key, data) => createHmac(algorithm, key).update(data).digest() },
      unixMicros: (at) => Math.round(this.#clock.epochMillis(at) * 1_000),
    });
    this.#interfaces = new InterfaceTable(
      this.#rtnetlink,
      {
        changed: () => this.#readInterfaces(),
        routingRemoved: (identity) => {
          const missing = this.#routing.removed(identity);
          if (missing.length > 0) this.#give({ kind: 'routing', missing, present: [] });
        },
        routingUnsure: () => this.#reassertRouting(),
      },
      log,
    );
    this.#sockets = new SocketPool((packet, at) => this.#packet(packet, at), log);
    const linkOf = (name: string) => this.#interfaces.link(name);
    this.#addresses = new VirtualAddresses(this.#rtnetlink, (name) => linkOf(name)?.index, log);
    this.#announcer = new Announcer(linkOf, log);
    this.#hold = new ConnectionHold(log);
    this.#virtual = new VirtualInterfaces(this.#rtnetlink, this.#interfaces, log);
    this.#routing = new VirtualRouting(this.#rtnetlink, (name) => linkOf(name)?.index, log);
    this.#firewall = new Firewall(log);
    this.#scheduling = new ProcessScheduling('vrrp', log);
    this.#notifier = new Notifier(this.#scripts, (event) => this.#tell(event), log);
    this.#trackers = new TrackerPool(this.#scripts, (input) => this.#give(input), log);
  }

  /** To be called once, before anything else. */
  start(listener: VrrpProcessListener): void {
    this.#listener = listener;
    this.#scheduling.beginPrompt();
    this.#readInterfaces();
  }

  configure(settings: VrrpSettings): Refusal | undefined {
    const checked = checkSettings(settings);
    if (!checked.ok) {
      const { instance, field, reason } = checked.error;
      return { refused: `vrrp_instance ${instance}: ${field}: ${reason}` };
    }
    if (this.#stopping !== undefined) return { refused: 'the process is stopping', stopping: true };
    this.#settings = settings;
    this.#scheduling.apply(settings.scheduling);
    this.#promotion.apply(
      settings.instances.flatMap(({ promoteSecondaries, interface: name }) =>
        promoteSecondaries === true ? [name] : [],
      ),
    );
    this.#wantedInterfaces = wantedInterfaces(settings);
    // Before the routers hear of it, for whom a missing interface is a fault.
    this.#filter('now');
    const made = this.#virtual.ensure(this.#wantedInterfaces) ? this.#interfaces.read() : [];
    this.#scripts.configure(settings);
    this.#notifier.configure(settings);
    // Files and processes are known before the instances start that depend on them.
    this.#trackers.configure(settings);
    this.#give(...made, { kind: 'configure', settings });
    // Not before: who is the master from the start is not to wait for it.
    this.#rehearsal ??= setImmediate(() => rehearse(this.#log));
    this.#virtual.prune(this.#wantedInterfaces);
    return undefined;
  }

  carryOut(command: VrrpCommand): Outcome {
    if (this.#stopping !== undefined) return { ok: false, reason: 'the process is stopping' };
    const { kind, instance } = command;
    const state = this.#node.stateOf(instance);
    if (state === undefined) return { ok: false, reason: `there is no instance ${instance}` };
    if (kind === 'announce' && state !== 'master')
      return { ok: false, reason: `${instance} is ${state} here: only a master announces the addresses` };
    this.#give({ kind: 'command', command });
    return { ok: true };
  }

  /** What a watcher beside this process found. */
  track(result: TrackerInput): void {
    this.#give(result);
  }

  /**
   * Ends when the successors have the addresses, or did not come in time; at once when one and the same asks again. A signal
   * to all processes of a service comes to control too, which asks as well: that is not again.
   */
  stop(mode: StopMode, by: 'signal' | 'control' = 'control'): void {
    const isAnother = this.#stopping !== undefined && !this.#stopAskedBy.has(by);
    this.#stopAskedBy.add(by);
    if (this.#stopped || isAnother) return;
    this.#stopping ??= mode;
    this.#give({ kind: 'stop', mode });
  }

  #end(mode: StopMode): void {
    this.#stopped = true;
    this.#timer.close();
    clearTimeout(this.#retry);
    this.#sockets.close();
    let unfiltered: Promise<void> | undefined;
    if (mode === 'release') {
      this.#virtual.prune([]);
      this.#promotion.apply([]);
      unfiltered = this.#firewall.remove();
    }
    this.#interfaces.close();
    this.#announcer.close();
    this.#rtnetlink.close();
    this.#trackers.close();
    const last = [unfiltered, this.#hold.done(), this.#notifier.close(SCRIPTS_END_MS)];
    void Promise.all(last).then(() => this.#listener?.stopped());
  }

  /** In pieces: at 255 instances the whole takes longer to write than an advert may be late. */
  *snapshotText(): Generator<string, void> {
    const { instances, ...head } = this.snapshot();
    yield `${JSON.stringify(head).slice(0, -1)},"instances":[`;
    let separator = '';
    for (const instance of instances) {
      yield separator + JSON.stringify(instance);
      separator = ',';
    }
    yield ']}';
  }

  snapshot(): VrrpSnapshot {
    const snapshot = this.#node.snapshot((at) => this.#clock.epochMillis(at));
    return {
      ...snapshot,
      scripts: this.#trackers.scripts(),
      notifyFifos: this.#notifier.snapshot(),
      lateness: this.#lateness.snapshot(),
    };
  }

  /** One input after the other, each with its consequences: what an output changes in the kernel is read back as an input. */
  #give(...inputs: VrrpInput[]): void {
    this.#queue.push(...inputs);
    if (this.#working || this.#stopped) return;
    this.#working = true;
    try {
      for (let input = this.#queue.shift(); input !== undefined; input = this.#queue.shift()) {
        this.#advance(monotonicNow());
        const outputs = this.#node.handle(input, this.#now);
        this.#news = true;
        // Routers may be new: each is to know whether it can hear.
        if (input.kind === 'configure') this.#socketStates.clear();
        // Before the adverts that may need them.
        const sockets = concernsSockets(input) ? this.#openSockets() : [];
        this.#carryOutAll(outputs);
        this.#queue.push(...sockets);
        if (input.kind === 'configure') this.#sockets.prune(this.#node.listeners());
      }
    } finally {
      this.#working = false;
    }
    this.#arm();
    const { hearingChanges } = this.#node;
    if (this.#news || hearingChanges !== this.#hearingChanges) this.#listener?.changed();
    this.#news = false;
    this.#hearingChanges = hearingChanges;
    if (this.#stopping !== undefined && this.#node.isStopped) this.#end(this.#stopping);
  }

  #carryOutAll(outputs: readonly VrrpOutput[]): void {
    const touched = new Set<string>();
    // All of them before the first priority 0, and together: they are waited for.
    const holds = outputs.filter((output) => output.kind === 'hold-connections');
    if (holds.length > 0) this.#hold.hold(holds, this.#patienceMs());
    for (const output of outputs) {
      if (output.kind !== 'send' && output.kind !== 'announce') this.#news = true;
      switch (output.kind) {
        case 'send':
          this.#sockets.send(output);
          break;
        case 'add-addresses':
        case 'remove-addresses':
          this.#addresses.change(output.kind === 'add-addresses' ? 'add' : 'remove', output.addresses);
          for (const address of output.addresses) touched.add(address.interface);
          break;
        case 'add-routing':
          this.#interfaces.watchRouting();
          this.#queue.push(this.#routing.add(output.entries));
          break;
        case 'remove-routing':
          this.#routing.remove(output.entries);
          break;
        case 'announce':
          this.#announcer.announce(output);
          break;
        case 'notify':
          this.#notifier.notify(output);
          break;
        case 'hold-connections':
          break;
        case 'release-connections':
          this.#hold.release(output.addresses);
          break;
        case 'event':
          this.#tell(output.event);
          break;
        default:
          output satisfies never;
      }
    }
    if (touched.size > 0) this.#queue.push(...this.#interfaces.read(touched));
  }

  /** How long this process may do nothing else: for one advert interval of the routers that remain masters. */
  #patienceMs(): number {
    const shortest = Math.min(...(this.#settings?.instances ?? []).map(({ advertInterval }) => advertInterval));
    return this.#stopping !== undefined ? Infinity : shortest < SHORTEST_PATIENCE ? 0 : toMillis(shortest as Duration);
  }

  #tell(event: VrrpEvent): void {
    const { severity, kind, subject, message, attributes } = vrrpEventText(event);
    const line = `${subject}: ${message}`;
    const fields = { kind, ...attributes };
    if (severity === 'info') this.#log.info(fields, line);
    else if (severity === 'warning') this.#log.warn(fields, line);
    else this.#log.error(fields, line);
    this.#listener?.event(event);
  }

  #readInterfaces(): void {
    if (this.#stopped) return;
    let news = this.#interfaces.read();
    if (news.length > 0) this.#filter('soon');
    // Before the first settings, nobody knows which of those that are there will be wanted.
    if (this.#settings !== undefined && this.#virtual.ensure(this.#wantedInterfaces))
      news = [...news, ...this.#interfaces.read()];
    if (news.length === 0) return;
    this.#give(...news);
    this.#reassertRouting();
  }

  /** The kernel drops routes with their interface and does not always say so. */
  #reassertRouting(): void {
    const input = this.#routing.reassert();
    if (input !== undefined) this.#give(input);
  }

  #filter(when: 'now' | 'soon'): void {
    if (this.#settings === undefined) return;
    this.#firewall.apply(this.#settings, this.#wantedInterfaces, (name) => this.#interfaces.link(name)?.index, when);
  }

  /** Opens what is missing, which is a walk over all instances, and returns what the node does not know yet. */
  #openSockets(): VrrpInput[] {
    const news: VrrpInput[] = [];
    for (const state of this.#sockets.open(this.#node.listeners(), (name) => this.#interfaces.link(name)?.index)) {
      const name = `${state.interface}/${state.family}`;
      if (!state.open) this.#retry ??= setTimeout(() => this.#reopen(), RETRY_MS);
      if (this.#socketStates.get(name) === state.open) continue;
      this.#socketStates.set(name, state.open);
      news.push({ kind: 'socket', ...state });
    }
    return news;
  }

  #reopen(): void {
    this.#retry = undefined;
    this.#give(...this.#openSockets());
  }

  #packet(packet: ReceivedPacket, at: number): void {
    // An advert that waited in the socket while this process was held up counts from its arrival.
    this.#advance(instant(Math.min(at, monotonicNow())));
    this.#carryOutAll(this.#node.handle(packet, this.#now));
    this.#give();
  }

  #advance(now: Instant): void {
    if (now > this.#now) this.#now = now;
  }

  #arm(): void {
    this.#timer.arm(this.#node.nextDeadline());
    this.#holdUps.look(monotonicNow());
  }

  #serve(): void {
    const now = monotonicNow();
    this.#advance(now);
    const deadline = this.#node.nextDeadline();
    if (deadline !== undefined && deadline <= now) {
      const lateness = this.#lateness.served(deadline, now);
      if (lateness > LATE) {
        const cause = this.#holdUps.causeOf(lateness, now);
        this.#log.warn({ lateMs: toMillis(lateness), cause }, `a timer was served late: ${HOLD_UP_TEXT[cause]}`);
      }
      this.#scheduling.late(lateness);
    }
    // After a hold-up of ours, hundreds of adverts that came in time may wait.
    this.#sockets.readUntil(this.#node.silences(now), now);
    this.#carryOutAll(this.#node.timeout(now));
    this.#give();
  }
}

/** Whether other sockets may be needed after it: those follow from the instances and the indexes of their interfaces. */
function concernsSockets({ kind }: VrrpInput): boolean {
  return kind === 'configure' || kind === 'interface' || kind === 'interface-gone';
}
