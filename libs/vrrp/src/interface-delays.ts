import { type Duration, type Instant, after, earliest } from '@keepfleet/machine';
import type { InterfaceState } from './messages.ts';
import type { InterfaceDelay } from './settings.ts';

/** interface_up_down_delays: an interface counts as up or down only after it has been so for a while. */
export class InterfaceDelays {
  #delays = new Map<string, InterfaceDelay>();
  /** What each delayed interface counts as. */
  readonly #up = new Map<string, boolean>();
  readonly #waiting = new Map<string, { readonly at: Instant; readonly state: InterfaceState }>();

  configure(delays: readonly InterfaceDelay[]): void {
    this.#delays = new Map(delays.map((delay) => [delay.interface, delay]));
  }

  /** The state to go by now. */
  take(state: InterfaceState, now: Instant): InterfaceState {
    const { name, up } = state;
    const delay = this.#delays.get(name);
    const before = this.#up.get(name);
    if (before === undefined || before === up || delay === undefined || lengthOf(delay, up) === 0) {
      this.#up.set(name, up);
      this.#waiting.delete(name);
      return state;
    }
    const at = this.#waiting.get(name)?.at ?? after(now, lengthOf(delay, up));
    this.#waiting.set(name, { at, state });
    return { ...state, up: before };
  }

  gone(name: string): void {
    this.#up.delete(name);
    this.#waiting.delete(name);
  }

  nextDeadline(): Instant | undefined {
    return earliest(...Array.from(this.#waiting.values(), ({ at }) => at));
  }

  /** Interfaces whose delay is over. */
  due(now: Instant): InterfaceState[] {
    const due = [...this.#waiting.values()].filter(({ at }) => at <= now).map(({ state }) => state);
    for (const { name, up } of due) {
      this.#up.set(name, up);
      this.#waiting.delete(name);
    }
    return due;
  }
}

function lengthOf(delay: InterfaceDelay, up: boolean): Duration {
  return up ? delay.up : delay.down;
}
