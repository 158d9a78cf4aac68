import { type Duration, type Instant, type Machine, type RandomSource, after, instant } from '@keepfleet/machine';
import { Agenda } from './agenda.ts';
import { seededRandom } from './random.ts';

/** What travels: to one address, or to everybody who listens to a group (never back to its sender). */
export type Datagram<Bytes = string> = {
  readonly from: string;
  readonly bytes: Bytes;
} & ({ readonly to: string } | { readonly multicast: string });

/** One machine on the LAN, and how its outputs and inputs are datagrams. */
export interface Station<Input, Output, Bytes = string> {
  readonly name: string;
  readonly machine: Machine<Input, Output>;
  /** Addresses it receives unicast at. */
  readonly addresses: readonly string[];
  /** Multicast groups it listens to. */
  readonly groups?: readonly string[];
  /** The datagram that an output sends, if it sends one. */
  send(output: Output): Datagram<Bytes> | undefined;
  receive(datagram: Datagram<Bytes>): Input;
  /** Every output, sent or not, in order. */
  seen?(output: Output, now: Instant): void;
}

export interface LanOptions {
  /** All randomness of the run; print it when a test fails. */
  readonly seed: number;
  /** Time a datagram travels, uniformly distributed; default 0.1 ms. Datagrams overtake each other when they differ. */
  readonly delay?: readonly [least: Duration, most: Duration];
  /** Share of datagrams lost, for each receiver by itself; default 0. */
  readonly loss?: number;
  /** Share of datagrams delivered twice; default 0. */
  readonly duplication?: number;
  /** How late a machine's timeout may be served, uniformly distributed from 0; default 0. */
  readonly timerLateness?: Duration;
}

interface Attached<Input, Output, Bytes> {
  readonly station: Station<Input, Output, Bytes>;
  deadline: Instant | undefined;
  /** How far its clock is behind, after suspensions. */
  behind: Duration;
  /** Timeouts in a row that moved neither time nor deadline. */
  idle: number;
}

/** Datagrams that wait for a paused station: about what a receive buffer of the usual 208 KiB holds. */
const MAX_WAITING = 256;
const MAX_IDLE_TIMEOUTS = 1_000;
const DEFAULT_DELAY = 100 as Duration;

/**
 * Machines on one link in virtual time. Nothing happens but in {@link VirtualLan.run} and {@link VirtualLan.input}; time
 * jumps from one delivery, deadline or scheduled action to the next.
 */
export class VirtualLan<Input, Output, Bytes = string> {
  readonly #agenda = new Agenda<() => void>();
  readonly #stations = new Map<string, Attached<Input, Output, Bytes>>();
  /** Who receives unicast at an address, in order of attachment. */
  readonly #listeners = new Map<string, Attached<Input, Output, Bytes>[]>();
  readonly #random: RandomSource;
  readonly #options: LanOptions;
  readonly #deaf = new Set<string>();
  readonly #slow = new Map<string, Duration>();
  readonly #paused = new Map<string, (() => void)[]>();
  #sides: ReadonlyMap<string, number> | undefined;
  #loss: number;
  #now = instant(0);

  constructor(options: LanOptions) {
    this.#options = options;
    this.#loss = options.loss ?? 0;
    this.#random = seededRandom(options.seed);
  }

  get now(): Instant {
    return this.#now;
  }

  get random(): RandomSource {
    return this.#random;
  }

  attach(station: Station<Input, Output, Bytes>): void {
    if (this.#stations.has(station.name)) throw new Error(`two stations are called ${station.name}`);
    const attached = { station, deadline: undefined, behind: 0 as Duration, idle: 0 };
    this.#stations.set(station.name, attached);
    for (const address of station.addresses)
      this.#listeners.set(address, [...(this.#listeners.get(address) ?? []), attached]);
    this.#arm(attached);
  }

  /** The station is gone at once, as by kill -9: its timers never fire and datagrams on their way to it are lost. */
  detach(name: string): void {
    const attached = this.#stations.get(name);
    for (const address of attached?.station.addresses ?? [])
      this.#listeners.set(address, this.#listeners.get(address)?.filter((other) => other !== attached) ?? []);
    this.#stations.delete(name);
  }

  /** Hands an input to a station now. */
  input(name: string, input: Input): void {
    const attached = this.#attached(name);
    const waiting = this.#paused.get(name);
    if (waiting !== undefined) {
      waiting.push(() => {
        if (this.#stations.get(name) === attached) this.input(name, input);
      });
      return;
    }
    this.#carryOut(attached, attached.station.machine.handle(input, localTime(attached, this.#now)));
  }

  /** Something of the test's own to happen at an instant. */
  at(when: Instant, action: () => void): void {
    this.#agenda.add(when < this.#now ? this.#now : when, action);
  }

  /** From now on stations of different sides do not hear each other; a station that is in no side hears nobody. */
  partition(...sides: readonly (readonly string[])[]): void {
    this.#sides = new Map(sides.flatMap((names, side) => names.map((name) => [name, side] as const)));
  }

  heal(): void {
    this.#sides = undefined;
  }

  /** From now on `receiver` hears nothing of `sender`, while the way back stays open; `false` opens it again. */
  cut(sender: string, receiver: string, isCut = true): void {
    if (isCut) this.#deaf.add(`${sender} ${receiver}`);
    else this.#deaf.delete(`${sender} ${receiver}`);
  }

  /** All that a station sends or receives takes so much longer from now on. */
  slow(name: string, by: Duration): void {
    this.#slow.set(name, by);
  }

  /** The station does nothing, as by SIGSTOP: its timers do not fire, and what comes for it waits in a buffer that fills up. */
  pause(name: string): void {
    if (!this.#paused.has(name)) this.#paused.set(name, []);
  }

  /** It goes on. Its timers, all of them late, come before what waited unless its driver reads its sockets first. */
  resume(name: string, first: 'timers' | 'inputs' = 'timers'): void {
    const waiting = this.#paused.get(name) ?? [];
    this.#paused.delete(name);
    const attached = this.#stations.get(name);
    if (attached === undefined) return;
    if (first === 'inputs') for (const deliver of waiting) deliver();
    attached.deadline = undefined;
    this.#arm(attached);
    // After the timer that `#arm` has just put first in line.
    if (first === 'timers') for (const deliver of waiting) this.at(this.#now, deliver);
  }

  /** It goes on after a suspension of the whole computer: what arrived meanwhile is lost, and its clock stood still. */
  wake(name: string, slept: Duration): void {
    this.#paused.delete(name);
    const attached = this.#stations.get(name);
    if (attached === undefined) return;
    attached.behind = (attached.behind + slept) as Duration;
    attached.deadline = undefined;
    this.#arm(attached);
  }

  isPaused(name: string): boolean {
    return this.#paused.has(name);
  }

  /** Changes the share of datagrams lost from now on. */
  lose(share: number): void {
    this.#loss = share;
  }

  /** Lets `duration` of virtual time pass. */
  run(duration: Duration): void {
    this.runUntil(() => false, duration);
  }

  /** Lets virtual time pass until the condition holds, at most `limit`; tells whether it came to hold. Checked after every step. */
  runUntil(condition: () => boolean, limit: Duration): boolean {
    const end = after(this.#now, limit);
    for (;;) {
      if (condition()) return true;
      const next = this.#agenda.nextAt();
      if (next === undefined || next > end) break;
      this.#now = next;
      this.#agenda.take()?.();
    }
    this.#now = end;
    return condition();
  }

  #attached(name: string): Attached<Input, Output, Bytes> {
    const attached = this.#stations.get(name);
    if (attached === undefined) throw new Error(`no station is called ${name}`);
    return attached;
  }

  #carryOut(attached: Attached<Input, Output, Bytes>, outputs: readonly Output[]): void {
    const { station } = attached;
    for (const output of outputs) {
      station.seen?.(output, this.#now);
      const datagram = station.send(output);
      if (datagram !== undefined) this.#transmit(station.name, datagram);
    }
    this.#arm(attached);
  }

  #transmit(sender: string, datagram: Datagram<Bytes>): void {
    const receivers = 'to' in datagram ? (this.#listeners.get(datagram.to) ?? []) : this.#stations.values();
    for (const receiver of receivers) {
      const { name, groups } = receiver.station;
      const wanted = 'to' in datagram || (name !== sender && groups?.includes(datagram.multicast) === true);
      if (!wanted || !this.#connected(sender, name) || !this.#hears(sender, name)) continue;
      const copies = this.#random() < (this.#options.duplication ?? 0) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        if (this.#random() >= this.#loss)
          this.#agenda.add(this.#arrival(sender, name), () => this.#deliver(sender, receiver, datagram));
      }
    }
  }

  #deliver(sender: string, receiver: Attached<Input, Output, Bytes>, datagram: Datagram<Bytes>): void {
    const { name } = receiver.station;
    // A partition also cuts what is on its way.
    if (this.#stations.get(name) !== receiver || !this.#connected(sender, name)) return;
    const waiting = this.#paused.get(name);
    if (waiting !== undefined) {
      if (waiting.length < MAX_WAITING) waiting.push(() => this.#deliver(sender, receiver, datagram));
      return;
    }
    this.#carryOut(
      receiver,
      receiver.station.machine.handle(receiver.station.receive(datagram), localTime(receiver, this.#now)),
    );
  }

  #connected(a: string, b: string): boolean {
    if (this.#sides === undefined || a === b) return true;
    const side = this.#sides.get(a);
    return side !== undefined && side === this.#sides.get(b);
  }

  #arrival(sender: string, receiver: string): Instant {
    const [least, most] = this.#options.delay ?? [DEFAULT_DELAY, DEFAULT_DELAY];
    const slow = (this.#slow.get(sender) ?? 0) + (this.#slow.get(receiver) ?? 0);
    return instant(this.#now + slow + least + this.#random() * (most - least));
  }

  #hears(sender: string, receiver: string): boolean {
    return !this.#deaf.has(`${sender} ${receiver}`);
  }

  #arm(attached: Attached<Input, Output, Bytes>): void {
    const deadline = attached.station.machine.nextDeadline();
    if (deadline === attached.deadline) return;
    attached.deadline = deadline;
    if (deadline === undefined) return;
    const lateness = (this.#options.timerLateness ?? 0) * this.#random();
    this.at(instant(deadline + attached.behind + lateness), () => this.#fire(attached, deadline));
  }

  #fire(attached: Attached<Input, Output, Bytes>, deadline: Instant): void {
    const { name, machine } = attached.station;
    // Re-armed for another instant, or gone, meanwhile.
    if (attached.deadline !== deadline || this.#stations.get(name) !== attached || this.#paused.has(name)) return;
    attached.deadline = undefined;
    const now = localTime(attached, this.#now);
    const outputs = machine.timeout(now);
    const next = machine.nextDeadline();
    attached.idle = next !== undefined && next <= now ? attached.idle + 1 : 0;
    if (attached.idle > MAX_IDLE_TIMEOUTS)
      throw new Error(`${name} wants a timeout at ${next} again and again; it is ${now}`);
    this.#carryOut(attached, outputs);
  }
}

/** What a station's own clock says at an instant of the LAN. */
function localTime({ behind }: { readonly behind: Duration }, at: Instant): Instant {
  return instant(at - behind);
}
