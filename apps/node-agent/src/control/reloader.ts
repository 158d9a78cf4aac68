import { rmSync, writeFileSync } from 'node:fs';
import { type Diagnostic, ReadingMemory, checkHost, formatDiagnostic } from '@keepfleet/config';
import { errorText } from '../error-text.ts';
import type { Log } from '../log.ts';
import {
  type Configuration,
  type Reading,
  type ReadingOptions,
  diagnosticLines,
  readConfiguration,
  readTexts,
} from './configuration.ts';
import { gatherHostFacts } from './host-facts.ts';
import type { EventText } from './events.ts';
import type { LastGoodStore } from './last-good.ts';

/** Who puts configurations in force. */
export interface ReloadTarget {
  /** Resolves with what is not in force yet, in words. */
  configure(configuration: Configuration): Promise<string | undefined>;
  /** Why a process did not take what it was given last. */
  refusal(): string | undefined;
  /** Says that a newer configuration was not taken. */
  refuseConfiguration(reason: string): void;
  note(event: EventText): void;
}

export interface ReloaderOptions {
  readonly path: string;
  readonly reading: ReadingOptions;
  /** Where `reload_file` is without a path. */
  readonly defaultReloadFile: string;
  readonly lastGood: LastGoodStore;
  readonly target: ReloadTarget;
  readonly log: Log;
  /** Called after each change of what is in force. */
  readonly inForce?: (configuration: Configuration) => void;
}

export interface ReloadOutcome {
  readonly done: boolean;
  readonly detail: string;
  readonly messages: readonly string[];
}

interface Waiting {
  /** What comes back unless the reload is confirmed. */
  readonly before: Configuration;
  readonly until: Date;
  readonly timer: NodeJS.Timeout;
}

/**
 * Reads configurations and puts them in force, one after the other. What cannot be used, or what a process refuses,
 * leaves everything as it was; what nobody confirms in time is taken back; what was good is kept for the next start.
 */
export class Reloader {
  readonly #options: ReloaderOptions;
  #current: Configuration | undefined;
  #fromLastGood = false;
  #waiting: Waiting | undefined;
  /** Reloads run one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: ReloaderOptions) {
    this.#options = { ...options, reading: { ...options.reading, memory: new ReadingMemory() } };
  }

  /** What a start would go by: the file, or the last good configuration in its place. */
  static atStart(options: Pick<ReloaderOptions, 'path' | 'reading' | 'lastGood'>): Reading & { why?: string } {
    const reading = readConfiguration(options.path, options.reading);
    const { lastGood } = options;
    const untrusted = reading.ok && lastGood.unconfirmed === reading.configuration.textHash;
    if (reading.ok && !untrusted) return reading;
    const kept = lastGood.read();
    if (kept === undefined) return reading;
    const second = readTexts(kept, options.reading);
    if (!second.ok) return reading;
    const why = reading.ok
      ? `${options.path} was put in force by a reload that nobody confirmed, and taken back`
      : [...diagnosticLines(reading.diagnostics), reading.reason].join('\n');
    return {
      ...second,
      why: `${why}\nthe last good configuration, of ${kept.at} (${kept.hash.slice(0, 12)}), is used`,
    };
  }

  get current(): Configuration | undefined {
    return this.#current;
  }

  get fromLastGood(): boolean {
    return this.#fromLastGood;
  }

  get revertsAt(): Date | undefined {
    return this.#waiting?.until;
  }

  /** Puts in force what `atStart` found. */
  start(): Promise<ReloadOutcome> {
    return this.#inTurn(async () => {
      const reading = Reloader.atStart(this.#options);
      if (!reading.ok) return this.#refuse(reading.reason, reading.diagnostics);
      this.#log(reading.configuration.diagnostics, 'warn');
      if (reading.why !== undefined) {
        for (const line of reading.why.split('\n')) this.#options.log.error({}, line);
        this.#note('error', 'config.last-good', reading.why.split('\n').slice(-2).join('; '));
      }
      return this.#putInForce(reading.configuration, reading.why !== undefined);
    });
  }

  /** Reads the file anew; with seconds, it is taken back unless confirmed within them. */
  reload(confirmSeconds = 0): Promise<ReloadOutcome> {
    return this.#inTurn(() => this.#reload(confirmSeconds));
  }

  confirm(): Promise<ReloadOutcome> {
    return this.#inTurn(async () => {
      const waiting = this.#waiting;
      if (waiting === undefined || this.#current === undefined)
        return { done: false, detail: 'no reload waits for a confirmation', messages: [] };
      this.#stopWaiting();
      this.#keep(this.#current);
      this.#note('info', 'config.confirmed', `confirmed: ${this.#current.hash.slice(0, 12)} stays in force`);
      return { done: true, detail: 'confirmed', messages: [] };
    });
  }

  /** Takes back a reload that waits, at once. */
  revert(): Promise<ReloadOutcome> {
    return this.#inTurn(() => this.#takeBack('it was cancelled'));
  }

  /** The node ends: what is on its way is neither put in force nor refused. */
  close(): void {
    this.#closed = true;
    this.#stopWaiting();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #reload(confirmSeconds: number): Promise<ReloadOutcome> {
    const { path, reading: options } = this.#options;
    const before = this.#current;
    const flag = before?.config.globalDefs.reload.file;
    const flagPath = flag === '' ? this.#options.defaultReloadFile : flag;
    if (flagPath !== undefined) this.#mark(flagPath);
    try {
      const reading = readConfiguration(path, options);
      if (!reading.ok) return this.#refuse(reading.reason, reading.diagnostics);
      const next = reading.configuration;
      const objection = await this.#objection(before, next);
      if (objection !== undefined) return this.#refuse(objection, next.diagnostics);
      this.#log(next.diagnostics, 'warn');
      // A further reload while one waits does not make its rest the configuration that comes back.
      const fallback = this.#waiting?.before ?? before;
      const { lastGood } = this.#options;
      const unconfirmed = lastGood.unconfirmed;
      // Before anything of it is in force: an agent that dies in between must not trust the file when it starts again.
      if (fallback !== undefined && (confirmSeconds > 0 || this.#waiting !== undefined))
        lastGood.unconfirmed = next.textHash;
      const outcome = await this.#putInForce(next, false, confirmSeconds === 0 && this.#waiting === undefined);
      if (!outcome.done && lastGood.unconfirmed !== unconfirmed) lastGood.unconfirmed = unconfirmed;
      if (!outcome.done || confirmSeconds === 0 || fallback === undefined) return outcome;
      this.#wait(fallback, confirmSeconds);
      return { ...outcome, detail: `${outcome.detail}; unless confirmed within ${confirmSeconds} s it is taken back` };
    } finally {
      if (flagPath !== undefined) rmSync(flagPath, { force: true });
    }
  }

  /** With `reload_check_config` a warning is reason enough, as an exit code of `keepalived -t` is. */
  async #objection(before: Configuration | undefined, next: Configuration): Promise<string | undefined> {
    const log = before?.config.globalDefs.reload.check;
    if (log === undefined) return undefined;
    const facts = await gatherHostFacts(next.config);
    // What a name service does not tell in time is no mistake of the file.
    const found = [...next.diagnostics, ...checkHost(next.config, facts)].filter(
      ({ kind }) => kind !== 'not-implemented' && kind !== 'host-unknown',
    );
    if (log !== '') {
      try {
        writeFileSync(log, found.map((one) => `${formatDiagnostic(one)}\n`).join(''));
      } catch (error) {
        this.#options.log.error({}, `reload_check_config: ${log} cannot be written: ${errorText(error)}`);
      }
    }
    const [first] = found;
    if (first === undefined) return undefined;
    return `${this.#options.path} has ${found.length} warning${found.length === 1 ? '' : 's'}, and reload_check_config takes none; the first: ${formatDiagnostic(first)}`;
  }

  async #putInForce(next: Configuration, fromLastGood: boolean, keep = true): Promise<ReloadOutcome> {
    const { target, log } = this.#options;
    const before = this.#current;
    const wasFromLastGood = this.#fromLastGood;
    const began = performance.now();
    const stopped = { done: false, detail: 'the agent is stopping', messages: [] };
    if (this.#closed) return stopped;
    this.#current = next;
    this.#fromLastGood = fromLastGood;
    const missing = await target.configure(next);
    if (this.#closed) return stopped;
    const refused = target.refusal();
    if (refused !== undefined && before !== undefined) {
      this.#current = before;
      this.#fromLastGood = wasFromLastGood;
      await target.configure(before);
      return this.#refuse(`it could not be put in force: ${refused}`, next.diagnostics);
    }
    const applyMs = Math.round(performance.now() - began);
    const { hash, readMs } = next;
    if (missing === undefined) log.info({ hash, readMs, applyMs }, 'the configuration is in force');
    else log.info({ hash, readMs, applyMs, missing }, `the configuration is not wholly in force: ${missing}`);
    if (keep && !fromLastGood) this.#keep(next);
    this.#options.inForce?.(next);
    const detail = missing === undefined ? 'in force' : `taken, but not wholly in force: ${missing}`;
    return { done: true, detail, messages: diagnosticLines(next.diagnostics) };
  }

  #keep(configuration: Configuration): void {
    const { lastGood, log } = this.#options;
    lastGood.unconfirmed = undefined;
    lastGood.write(configuration, new Date());
    if (lastGood.problem !== undefined) log.error({}, lastGood.problem);
  }

  #wait(before: Configuration, seconds: number): void {
    this.#stopWaiting();
    const until = new Date(Date.now() + seconds * 1_000);
    const timer = setTimeout(
      () => void this.#inTurn(() => this.#takeBack(`nobody confirmed it within ${seconds} s`)),
      seconds * 1_000,
    );
    this.#waiting = { before, until, timer };
  }

  async #takeBack(why: string): Promise<ReloadOutcome> {
    const waiting = this.#waiting;
    if (waiting === undefined) return { done: false, detail: 'no reload waits for a confirmation', messages: [] };
    this.#stopWaiting();
    const outcome = await this.#putInForce(waiting.before, true);
    const hash = waiting.before.hash.slice(0, 12);
    const message = `the reload was taken back: ${why}; the last good configuration (${hash}) is in force again, and ${this.#options.path} still says otherwise`;
    this.#options.log.error({}, message);
    this.#note('error', 'config.reverted', message);
    return { ...outcome, detail: message };
  }

  #stopWaiting(): void {
    clearTimeout(this.#waiting?.timer);
    this.#waiting = undefined;
  }

  #refuse(reason: string, diagnostics: readonly Diagnostic[]): ReloadOutcome {
    this.#log(diagnostics, 'error');
    const first = diagnostics.find((diagnostic) => diagnostic.severity === 'error');
    this.#options.target.refuseConfiguration(
      first === undefined ? reason : `${reason}, the first: ${formatDiagnostic(first)}`,
    );
    return { done: false, detail: `${reason}; what ran before goes on`, messages: diagnosticLines(diagnostics) };
  }

  #log(diagnostics: readonly Diagnostic[], level: 'warn' | 'error'): void {
    for (const line of diagnosticLines(diagnostics)) this.#options.log[level]({}, line);
  }

  #mark(path: string): void {
    try {
      writeFileSync(path, '');
    } catch (error) {
      this.#options.log.error({}, `reload_file: ${path} cannot be written: ${errorText(error)}`);
    }
  }

  #note(severity: EventText['severity'], kind: string, message: string): void {
    this.#options.target.note({ severity, kind, subject: 'keepalived.conf', message, attributes: {} });
  }
}
