import { type Instant, type Machine, after } from '@keepfleet/machine';
import type { TrackerState } from './messages.ts';
import type { ProcessTrackerSettings } from './settings.ts';

/** A process as /proc tells of it. */
export interface ProcessView {
  /** At most 15 characters. */
  readonly name: string;
  readonly argv: readonly string[];
}

const MAX_NAME = 15;

/** Whether it is one of those that are counted: keepalived's `process`, `param_match` and `full_command`. */
export function isTracked({ name, argv }: ProcessView, settings: ProcessTrackerSettings): boolean {
  const [command = '', ...parameters] = settings.command;
  const [program = name, ...given] = argv;
  const whole = settings.fullCommand || command.includes('/');
  const named = whole ? program === command : baseName(program) === command || name === command.slice(0, MAX_NAME);
  if (!named || parameters.length === 0) return named;
  switch (settings.parameters) {
    case 'exact':
      return given.length === parameters.length && parameters.every((one, i) => one === given[i]);
    case 'initial':
      return parameters.every((one, i) => one === given[i]);
    case 'partial':
      return given.join(' ').includes(parameters.join(' '));
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Turns the number of processes that run into up and down, after the configured delays. */
export class ProcessMonitor implements Machine<number, TrackerState> {
  readonly #settings: ProcessTrackerSettings;
  #count = 0;
  #state: TrackerState = 'unknown';
  #changeAt: Instant | undefined;

  constructor(settings: ProcessTrackerSettings) {
    this.#settings = settings;
  }

  get count(): number {
    return this.#count;
  }

  get state(): TrackerState {
    return this.#state;
  }

  /** How many there are now; the first count holds at once. */
  handle(count: number, now: Instant): readonly TrackerState[] {
    const more = count > this.#count;
    this.#count = count;
    const state = this.#stateOf(count);
    if (state === this.#state) {
      this.#changeAt = undefined;
      return [];
    }
    if (this.#state === 'unknown') return this.#enter(state);
    const { forkDelay, terminateDelay } = this.#settings;
    this.#changeAt ??= after(now, more ? forkDelay : terminateDelay);
    return this.timeout(now);
  }

  timeout(now: Instant): readonly TrackerState[] {
    if (this.#changeAt === undefined || now < this.#changeAt) return [];
    return this.#enter(this.#stateOf(this.#count));
  }

  nextDeadline(): Instant | undefined {
    return this.#changeAt;
  }

  #enter(state: TrackerState): readonly TrackerState[] {
    this.#changeAt = undefined;
    this.#state = state;
    return [state];
  }

  #stateOf(count: number): TrackerState {
    const { quorum, quorumMax } = this.#settings;
    return count >= quorum && (quorumMax === undefined || count <= quorumMax) ? 'up' : 'down';
  }
}
