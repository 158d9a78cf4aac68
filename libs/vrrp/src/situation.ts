import type { IpAddress } from '@keepfleet/wire';
import type {
  FaultCause,
  InterfaceGoneInput,
  InterfaceInput,
  InterfaceState,
  SocketInput,
  TrackerInput,
} from './messages.ts';
import { type VirtualRouterSettings, wireInterface } from './settings.ts';
import {
  type Interfaces,
  type Trackers,
  effectivePriority,
  faultCauses,
  sourceAddress,
  trackerKey,
} from './tracking.ts';

/** An interface that is another now, or gone. */
export interface InterfaceChange {
  readonly name: string;
  /** What was known of it, if anything. */
  readonly previous: InterfaceState | undefined;
}

/** What a router's sync group said last. */
export interface GroupNews {
  /** Some members own their addresses and some do not. */
  readonly mixed: boolean;
  /** The member that is in fault. */
  readonly fault?: string;
}

/** What a router was told of its node, and what follows from that: its priority, its source, what keeps it in fault. */
export class Situation {
  /** A peer was heard that computes the checksum of unicast adverts as keepalived did up to 1.3.6. */
  oldUnicastChecksum = false;
  readonly #interfaces = new Map<string, InterfaceState>();
  readonly #trackers = new Map<string, TrackerInput>();
  #settings: VirtualRouterSettings;
  #virtual: ReadonlySet<IpAddress> = new Set();
  #deaf = false;
  #group: GroupNews | undefined;
  #staticMissing: string | undefined;
  #causes: readonly FaultCause[] = [];
  #priority: number;
  #source: IpAddress | undefined;

  constructor(settings: VirtualRouterSettings) {
    this.#settings = settings;
    this.#priority = settings.priority;
  }

  get settings(): VirtualRouterSettings {
    return this.#settings;
  }

  get interfaces(): Interfaces {
    return this.#interfaces;
  }

  get trackers(): Trackers {
    return this.#trackers;
  }

  /** Effective: with the weights of what is tracked. */
  get priority(): number {
    return this.#priority;
  }

  /** Where adverts come from. The last source is kept for the parting priority 0. */
  get source(): IpAddress | undefined {
    return this.#source;
  }

  /** Undefined until the router's sync group, if it has one, has spoken. */
  get group(): GroupNews | undefined {
    return this.#group;
  }

  /** Of its track groups. */
  get staticMissing(): string | undefined {
    return this.#staticMissing;
  }

  /** What keeps it from taking part, as of the last {@link Situation.observe}. */
  get causes(): readonly FaultCause[] {
    return this.#causes;
  }

  /** `first`: the router starts, and what its priority was before is of no interest. */
  configure(settings: VirtualRouterSettings, first: boolean): void {
    if (settings.syncGroup !== this.#settings.syncGroup) this.#group = undefined;
    this.#settings = settings;
    if (first) this.#priority = settings.priority;
  }

  takeInterface(input: InterfaceInput | InterfaceGoneInput): InterfaceChange {
    const name = input.kind === 'interface' ? input.interface.name : input.name;
    const previous = this.#interfaces.get(name);
    if (input.kind === 'interface') this.#interfaces.set(name, input.interface);
    else this.#interfaces.delete(name);
    return { name, previous };
  }

  /** Whether it is the router's own socket. */
  takeSocket(input: SocketInput): boolean {
    const own = input.interface === wireInterface(this.#settings) && input.family === this.#settings.family;
    if (own) this.#deaf = !input.open;
    return own;
  }

  /** Whether the router tracks it. */
  takeTracker(input: TrackerInput): boolean {
    this.#trackers.set(trackerKey(input.tracker, input.name), input);
    return (this.#settings.trackers ?? []).some(({ type, name }) => type === input.tracker && name === input.name);
  }

  takeVirtualAddresses(addresses: readonly IpAddress[]): void {
    this.#virtual = new Set(addresses);
  }

  /** Whether that is news. */
  takeStatic(missing: string | undefined): boolean {
    const before = this.#staticMissing;
    this.#staticMissing = missing;
    return before !== missing;
  }

  /** Whether that is news. */
  takeGroup({ mixed, fault }: GroupNews): boolean {
    const before = this.#group;
    this.#group = { mixed, ...(fault === undefined ? {} : { fault }) };
    return before === undefined || before.mixed !== mixed || before.fault !== fault;
  }

  /** Brings source, causes and priority up to date; a priority that is another now is returned with the one before. */
  observe(): { readonly from: number; readonly to: number } | undefined {
    const source = this.#sourceNow();
    this.#source = source ?? this.#source;
    this.#causes = faultCauses(this, source, this.#deaf);
    const from = this.#priority;
    this.#priority = effectivePriority(this.#settings, this.#interfaces, this.#trackers);
    return this.#priority === from ? undefined : { from, to: this.#priority };
  }

  #sourceNow(): IpAddress | undefined {
    return sourceAddress(this.#settings, this.#interfaces, this.#virtual);
  }
}
