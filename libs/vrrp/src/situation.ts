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

/** What a router was told of its node, and what follows from that: its priority, its source, what keeps it in fault. */
export class Situation {
  readonly #interfaces = new Map<string, InterfaceState>();
  readonly #trackers = new Map<string, TrackerInput>();
  #settings: VirtualRouterSettings;
  #virtual: ReadonlySet<IpAddress> = new Set();
  #deaf = false;
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

  /** `first`: the router starts, and what its priority was before is of no interest. */
  configure(settings: VirtualRouterSettings, first: boolean): void {
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

  /** Brings source and priority up to date; a priority that is another now is returned with the one before. */
  observe(): { readonly from: number; readonly to: number } | undefined {
    this.#source = this.#sourceNow() ?? this.#source;
    const from = this.#priority;
    this.#priority = effectivePriority(this.#settings, this.#interfaces, this.#trackers);
    return this.#priority === from ? undefined : { from, to: this.#priority };
  }

  causes(): FaultCause[] {
    return faultCauses(this.#settings, this.#interfaces, this.#trackers, this.#sourceNow(), this.#deaf);
  }

  #sourceNow(): IpAddress | undefined {
    return sourceAddress(this.#settings, this.#interfaces, this.#virtual);
  }
}
