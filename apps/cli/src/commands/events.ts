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

  /** Ends at Ctrl-C, which is the way to end it and no failure. */
  async #watch(controller: Controller, console: Console): Promise<Answer> {
    const { number, node, kind } = this.#options;
    const interrupted = new AbortController();
    const stop = console.onInterrupt(() => interrupted.abort());
    try {
      for await (const entry of controller.watchEvents({ after: 0n, node, kind, latest: number }, interrupted.signal)) {
        console.item(toJson(fleet.FleetEvent, entry), eventText(entry));
      }
    } finally {
      stop();
    }
    if (!interrupted.signal.aborted) throw new Failure('the controller ended the stream', exitCodes.unreachable);
    return { data: undefined, text: '', exitCode: exitCodes.ok };
  }
}
