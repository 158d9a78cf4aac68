import { randomBytes } from 'node:crypto';
import { type Hello, type LinkClient, type LinkListener, type Outcome, type Role, isSame } from '../link/index.ts';
import type { Log } from '../log.ts';
import type { EventText } from './events.ts';
import type { EventOrigin } from './spool.ts';

/** How long a change may take until a process has it in force. An SNMP manager's SET fails by itself after 4 s. */
const APPLY_TIMEOUT_MS = 3_000;

export interface NodeProcessOptions<Snapshot, Event> {
  readonly role: Role;
  readonly log: Log;
  readonly textOf: (event: Event) => EventText;
  /** False for an event that was told before. */
  readonly note: (event: EventText, at?: Date, origin?: EventOrigin) => boolean;
  /** Called whenever what the node reports may have changed. */
  readonly changed: () => void;
  readonly connected?: () => void;
  readonly heard?: (snapshot: Snapshot) => void;
  /** The process is gone, and its last snapshot is about to be. */
  readonly leaving?: () => void;
  /** Called once for each event. */
  readonly happened?: (event: Event, at: number) => void;
  readonly disconnected?: () => void;
}

/** What control knows of one of the node's processes, and the settings on their way to it. */
export class NodeProcess<
  Settings extends { readonly revision?: string },
  Command,
  Snapshot extends { readonly revision?: string },
  Event,
> {
  readonly #options: NodeProcessOptions<Snapshot, Event>;
  /** Undefined while nothing is to run in it. */
  link: LinkClient<Settings, Command, Snapshot, Event> | undefined;
  #snapshot: Snapshot | undefined;
  #hello: Hello | undefined;
  /** Since when the process has said nothing, milliseconds since 1970; undefined while it speaks. */
  #silentSince: number | undefined;
  /** The revisions that it was given last, that it has in force, and why it refused one. */
  #wanted: string | undefined;
  #given: Settings | undefined;
  #applied: string | undefined;
  #refusal: { readonly revision: string; readonly reason: string } | undefined;
  readonly #waiting = new Set<() => void>();
  #ending = false;

  constructor(options: NodeProcessOptions<Snapshot, Event>) {
    this.#options = options;
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  get silentSince(): number | undefined {
    return this.#silentSince;
  }

  get isConnected(): boolean {
    return this.#hello !== undefined;
  }

  /** Whether the snapshot is of the settings given last; of a process that refused them, or was given none, of those it has. */
  get isUpToDate(): boolean {
    if (this.#snapshot === undefined) return false;
    const { revision } = this.#snapshot;
    // A process of an earlier version, adopted with settings in force, never says of which its state is.
    if (revision === undefined) return typeof this.#hello?.revision === 'string';
    return revision === (this.refusal === undefined ? (this.#wanted ?? this.#applied) : this.#applied);
  }

  /** The snapshot, unless the process has gone silent since. */
  get current(): Snapshot | undefined {
    return this.#silentSince === undefined ? this.#snapshot : undefined;
  }

  /** Why the process did not take what it was given last. */
  get refusal(): string | undefined {
    return this.#refusal !== undefined && this.#refusal.revision === this.#wanted ? this.#refusal.reason : undefined;
  }

  get problems(): readonly string[] {
    const { role } = this.#options;
    const hello = this.#hello;
    if (hello === undefined) return [`${role}: its process is not connected`];
    return [
      ...(this.#silentSince === undefined
        ? []
        : [
            `${role}: its process (${hello.pid}) has said nothing since ${new Date(this.#silentSince).toISOString()}, and its state is as old: it is stopped or held up; \`kill -CONT ${hello.pid}\` lets a stopped one go on, \`kill -9 ${hello.pid}\` has it started anew`,
          ]),
      ...hello.problems.map((problem) => `${role}: ${problem}`),
      ...(this.#refusal === undefined ? [] : [`${role}: settings were refused: ${this.#refusal.reason}`]),
    ];
  }

  /** Gives the process what it is to be, under a new revision unless that is what it was given last. */
  configure(settings: Settings): void {
    // A name and no digest: that of tens of thousands of servers would take a third of the time of a reload.
    if (this.#wanted === undefined || !isSame(this.#given, settings)) this.#wanted = randomBytes(8).toString('hex');
    this.#given = settings;
    this.link?.configure(this.#wanted, { ...settings, revision: this.#wanted });
  }

  /** The process is about to be stopped: that it refuses settings then is no news. */
  end(): void {
    this.#ending = true;
  }

  /** Whether it has in force what it was given once, be it not the last. */
  get hasSettings(): boolean {
    return this.#applied !== undefined;
  }

  /** Its process has ended: what was known of it is not known of another one in its place. */
  ended(): void {
    // The link of one that is being stopped tells nothing more, or has told it already.
    if (this.#hello !== undefined) this.listener.disconnected(undefined);
  }

  /** Waits until the process has in force what it was given last; the answer says why it has not. */
  inForce(): Promise<string | undefined> {
    const { role } = this.#options;
    const revision = this.#wanted;
    return this.#until<string | undefined>(
      () => {
        if (this.#applied === revision) return { answer: undefined };
        if (this.#refusal !== undefined && this.#refusal.revision === revision)
          return { answer: `the ${role} process refused it: ${this.#refusal.reason}` };
        if (this.#silentSince !== undefined)
          return {
            answer: `kept, but the ${role} process does not answer: it is stopped or held up; it gets the change when it goes on`,
          };
        return undefined;
      },
      APPLY_TIMEOUT_MS,
      () =>
        `kept, but the ${role} process ${this.isConnected ? 'has not confirmed it' : 'is not running; it gets the change when it is back'}`,
    );
  }

  /** Resolves when the snapshot is of what it was given last, or after so many milliseconds. */
  shown(timeoutMs: number): Promise<void> {
    return this.#until<undefined>(
      () => (this.isUpToDate ? { answer: undefined } : undefined),
      timeoutMs,
      () => undefined,
    );
  }

  /** Resolves when the process has told its state, or after so many milliseconds. */
  heard(timeoutMs: number): Promise<void> {
    return this.#until<undefined>(
      () => (this.#snapshot === undefined ? undefined : { answer: undefined }),
      timeoutMs,
      () => undefined,
    );
  }

  async command(command: Command): Promise<Outcome> {
    if (this.link === undefined) return { ok: false, reason: `the ${this.#options.role} process is not running` };
    return this.link.command(command);
  }

  readonly listener: LinkListener<Snapshot, Event> = {
    connected: (hello) => {
      this.#hello = hello;
      this.#applied = hello.revision ?? undefined;
      const { role, log } = this.#options;
      log.info({ role, processPid: hello.pid, revision: hello.revision }, `the ${role} process is connected`);
      this.#options.connected?.();
      this.#changed();
    },
    problems: (problems) => {
      if (this.#hello !== undefined) this.#hello = { ...this.#hello, problems: [...problems] };
      this.#changed();
    },
    snapshot: (snapshot) => {
      this.#snapshot = snapshot;
      this.#options.heard?.(snapshot);
      this.#changed();
    },
    silent: (since) => {
      const isSilent = since !== undefined;
      this.#silentSince = since;
      const { role } = this.#options;
      const pid = String(this.#hello?.pid);
      this.#options.note({
        severity: isSilent ? 'error' : 'info',
        kind: 'agent.process',
        subject: role,
        message: isSilent
          ? `the ${role} process (${pid}) says nothing any more: it is stopped or held up, and what is shown of it is old`
          : `the ${role} process (${pid}) speaks again`,
        attributes: { state: isSilent ? 'silent' : 'up' },
      });
      this.#changed();
    },
    event: (event, at, position) => {
      const { role, textOf, note, happened } = this.#options;
      if (note(textOf(event), new Date(at), { role, ...position })) happened?.(event, at);
      this.#changed();
    },
    missed: (count) => {
      const { role } = this.#options;
      this.#options.note({
        severity: 'error',
        kind: 'agent.events-missed',
        subject: role,
        message: `${count} events of the ${role} process were dropped: control was away for longer than it keeps them`,
        attributes: { count: String(count) },
      });
    },
    applied: (revision) => {
      this.#applied = revision;
      this.#refusal = undefined;
      this.#changed();
    },
    refused: (revision, reason) => {
      const { role } = this.#options;
      this.#refusal = { revision, reason };
      if (this.#ending) return this.#changed();
      this.#options.note({
        severity: 'error',
        kind: 'config.refused',
        subject: role,
        message: `the ${role} process refused its settings: ${reason}`,
        attributes: {},
      });
      this.#changed();
    },
    disconnected: () => {
      this.#options.leaving?.();
      this.#hello = undefined;
      this.#snapshot = undefined;
      this.#applied = undefined;
      this.#silentSince = undefined;
      this.#options.disconnected?.();
      this.#changed();
    },
  };

  #changed(): void {
    for (const look of this.#waiting) look();
    this.#options.changed();
  }

  #until<Answer>(
    look: () => { readonly answer: Answer } | undefined,
    timeoutMs: number,
    late: () => Answer,
  ): Promise<Answer> {
    return new Promise((resolve) => {
      const end = (answer: Answer) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(answer);
      };
      const check = () => {
        const found = look();
        if (found !== undefined) end(found.answer);
      };
      const timer = setTimeout(() => end(late()), timeoutMs);
      this.#waiting.add(check);
      check();
    });
  }
}
