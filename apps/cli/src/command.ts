import type { Controller } from './connection.ts';

/** What a command answers: data for `-o json`, and the same for people. */
export interface Answer {
  readonly data: unknown;
  readonly text: string;
  readonly exitCode?: number;
}

/** Where a command writes while it runs: items of a stream, or progress (people only, on stderr). */
export interface Console {
  item(data: unknown, text: string): void;
  progress(text: string): void;
  /** Calls `then` on the first Ctrl-C instead of ending; returns the way to stop listening. */
  onInterrupt(then: () => void): () => void;
}

/** One class a command. `run` talks to the controller and returns; only the runner prints. */
export interface Command {
  /** About gossip the agent of a node can be asked as well as the controller. */
  readonly asks?: 'gossip';
  run(controller: Controller, console: Console): Promise<Answer>;
}

/** A command that needs no controller: it works with files, or with the agent on this node. */
export interface LocalCommand {
  runLocally(): Promise<Answer>;
}
