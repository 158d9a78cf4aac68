import { setTimeout as pause } from 'node:timers/promises';
import { fleet, toJson } from '@keepfleet/rpc';
import type { Answer, Command, Console } from '../command.ts';
import type { Controller } from '../connection.ts';
import { exitCodes, Failure } from '../failure.ts';
import { eventText } from './show.ts';

export interface EventsOptions {
  readonly watch: boolean;
  readonly number: number;
  readonly node: string;
  readonly kind: string;
}

export class EventsCommand implements Command {
  readonly #options: EventsOptions;

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  async run(controller: Controller, console: Console): Promise<Answer> {
    const { watch, number, node, kind } = this.#options;
    if (watch) return this.#watch(controller, console);
    const response = await controller.events({ after: 0n, limit: number, node, kind, latest: true });
    return {
      data: toJson(fleet.ListEventsResponse, response),
      text: response.events.length === 0 ? 'no event' : response.events.map(eventText).join('\n'),
    };
  }

  /**
   * Ends at Ctrl-C, which is the way to end it and no failure. A controller that answered once and has gone is asked again
   * until it is back, for what came after the last event that was shown.
   */
  async #watch(controller: Controller, console: Console): Promise<Answer> {
    const { number, node, kind } = this.#options;
    const interrupted = new AbortController();
    const stop = console.onInterrupt(() => interrupted.abort());
    let from: Pick<fleet.WatchEventsRequest, 'after' | 'latest'> = { after: 0n, latest: number };
    let answered = false;
    let wait = FIRST_WAIT_MS;
    const reached = () => {
      if (answered && wait > FIRST_WAIT_MS) console.progress('the controller answers again');
      answered = true;
      wait = FIRST_WAIT_MS;
    };
    try {
      while (!interrupted.signal.aborted) {
        try {
          const events = controller.watchEvents({ ...from, node, kind }, interrupted.signal, reached);
          for await (const entry of events) {
            reached();
            from = { after: entry.position };
            console.item(toJson(fleet.FleetEvent, entry), eventText(entry));
          }
        } catch (error) {
          const isGone = error instanceof Failure && error.exitCode === exitCodes.unreachable;
          if (!isGone || !answered) throw error;
          if (wait === FIRST_WAIT_MS) console.progress(`${error.message}; it is asked again until it answers`);
        }
        await pause(wait, undefined, { signal: interrupted.signal }).catch(() => undefined);
        wait = Math.min(2 * wait, LONGEST_WAIT_MS);
      }
    } finally {
      stop();
    }
    return { data: undefined, text: '', exitCode: exitCodes.ok };
  }
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
