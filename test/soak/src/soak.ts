/** One soak: the full count of what the continuous checks run a bounded slice of. */
export interface Soak {
  /** One line for `--help`. */
  readonly about: string;
  /** How many rounds make the full count, and of what: `1000000`, `inputs`. */
  readonly count: number;
  readonly unit: string;
  /** Runs that many rounds from the seed; throws at the first failure, naming what replays it. */
  run(task: SoakTask): Promise<SoakFigures> | SoakFigures;
}

export interface SoakTask {
  readonly count: number;
  readonly seed: number;
  /** Told about once a second, for whoever waits: how many rounds are done. */
  readonly progress: (done: number) => void;
  /** Set when the run is to end early; what was done until then counts. */
  readonly signal: AbortSignal;
}

/** What was seen, by name, in the order of printing: `{ "longest decode": "0.8 ms" }`. */
export type SoakFigures = Readonly<Record<string, string | number>>;
