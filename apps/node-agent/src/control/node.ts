import type { DumpSource } from './dump-signals.ts';
import { createHash } from 'node:crypto';
import { type BfdCommand, type BfdEvent, type BfdSettings, type BfdSnapshot, diagnosticText } from '@keepfleet/bfd';
import type { CheckerSettings } from '@keepfleet/health';
import type { LvsCommand, LvsEvent, LvsOutcome, LvsSettings, LvsSnapshot } from '@keepfleet/ipvs';
import type { MibRows, Notification } from '@keepfleet/mib';
import { type agent, type model } from '@keepfleet/rpc';
import type { VrrpCommand, VrrpEvent, VrrpSettings, VrrpSnapshot } from '@keepfleet/vrrp';
import { bfdEventText } from '../bfd/event-text.ts';
import type { Hello, LinkClient, LinkListener, Outcome, Role } from '../link/index.ts';
import type { Log } from '../log.ts';
import { lvsOutcomeSchema } from '../lvs/schemas.ts';
import {
  type NodeSettings,
  type Override,
  type OverrideChange,
  applyOverrides,
  nodeSettings,
} from '../settings/index.ts';
import { Commands, type CommandTarget } from './commands.ts';
import type { Configuration } from './configuration.ts';
import type { GossipDesk } from './gossip-desk.ts';
import { configuredValue, describeChange, refusalOf } from './changes.ts';
import { errorText } from '../error-text.ts';
import { type EventText, lvsEventText, vrrpEventText } from './events.ts';
import { mibRows } from './mib-rows.ts';
import { Notifications } from './notifications.ts';
import { RouterHistory } from './router-history.ts';
import { type NodeView, nodeState } from './node-state.ts';
import type { OverrideStore } from './override-store.ts';
import type { EventOrigin, EventSpool } from './spool.ts';

/** How long a change may take until the processes have it in force. An SNMP manager's SET fails by itself after 4 s. */
const APPLY_TIMEOUT_MS = 3_000;
const EXPIRY_LOOK_MS = 60_000;

export type VrrpLink = LinkClient<VrrpSettings, VrrpCommand, VrrpSnapshot, VrrpEvent>;
export type LvsLink = LinkClient<LvsSettings<CheckerSettings>, LvsCommand, LvsSnapshot, LvsEvent>;
export type BfdLink = LinkClient<BfdSettings, BfdCommand, BfdSnapshot, BfdEvent>;

export interface NodeOptions {
  readonly name: string;
  readonly version: string;
  readonly spool: EventSpool;
  readonly overrides: OverrideStore;
  readonly log: Log;
  /** Called whenever what the node reports may have changed. */
  readonly changed: () => void;
  /** Called once for each event of the two processes. */
  readonly happened: (event: VrrpEvent | LvsEvent, configuration: Configuration) => void;
  /** What SNMP managers are to be told. */
  readonly notify: (notification: Notification) => void;
}

interface Half<Snapshot> {
  snapshot: Snapshot | undefined;
  hello: Hello | undefined;
  /** Revision that the process has in force, and why it refused another. */
  applied: string | undefined;
  refusal: { revision: string; reason: string } | undefined;
  /** Since when the process has said nothing, milliseconds since 1970; undefined while it speaks. */
  silentSince: number | undefined;
  /** When the snapshot was made. */
  heardAt: number;
}

/**
 * What a node is to be, and what it is: configuration with overrides on their way to the vrrp and lvs processes, their
 * snapshots and events on their way to SNMP and the controller. Knows nothing of how any of them are reached.
 */
export class ControlNode implements CommandTarget {
  readonly #options: NodeOptions;
  readonly overrides: OverrideStore;
  readonly commands: Commands;
  #configuration: Configuration | undefined;
  /** What the configuration alone asks for. */
  #configured: NodeSettings | undefined;
  #withoutEffect: readonly Override[] = [];
  /** The masters that the lvs process was told of last. */
  #toldMasters: string | undefined;
  #configProblem: string | undefined;
  #vrrpLink: VrrpLink | undefined;
  #lvsLink: LvsLink | undefined;
  readonly #vrrp: Half<VrrpSnapshot> = {
    snapshot: undefined,
    hello: undefined,
    applied: undefined,
    refusal: undefined,
    silentSince: undefined,
    heardAt: 0,
  };
  readonly #lvs: Half<LvsSnapshot> = {
    snapshot: undefined,
    hello: undefined,
    applied: undefined,
    refusal: undefined,
    silentSince: undefined,
    heardAt: 0,
  };
  #bfdLink: BfdLink | undefined;
  readonly #bfd: Half<BfdSnapshot> = {
    snapshot: undefined,
    hello: undefined,
    applied: undefined,
    refusal: undefined,
    silentSince: undefined,
    heardAt: 0,
  };
  readonly #waiting = new Set<() => void>();
  readonly #history = new RouterHistory();
  readonly #notifications = new Notifications(this.#history);
  /** The revisions that the processes were given last. */
  #wanted: Readonly<Record<Role, string>> | undefined;
  #expiry: NodeJS.Timeout | undefined;
  members: readonly model.Member[] = [];
  /** What gossip says of the virtual routers that this node carries. */
  claims: () => readonly model.RouterClaim[] = () => [];
  gossip: GossipDesk | undefined;
  /** Told the virtual routers whenever the vrrp process tells its state; none when it is gone. */
  routersChanged: (routers: VrrpSnapshot['instances']) => void = () => undefined;
  /** Given by whoever starts the processes and the sub-agent. */
  processes: () => readonly model.Process[] = () => [];
  otherProblems: () => readonly string[] = () => [];

  constructor(options: NodeOptions) {
    this.#options = options;
    this.overrides = options.overrides;
    this.commands = new Commands(this);
  }

  link(vrrp: VrrpLink, lvs: LvsLink): void {
    this.#vrrpLink = vrrp;
    this.#lvsLink = lvs;
  }

  /** The bfd process is there only while there is something to do for it. */
  set bfd(link: BfdLink | undefined) {
    this.#bfdLink = link;
  }

  /** What the link to the vrrp process tells. */
  readonly vrrpListener: LinkListener<VrrpSnapshot, VrrpEvent> = this.#watched(
    this.#listener(
      'vrrp',
      this.#vrrp,
      vrrpEventText,
      () => this.#tellMasters(),
      (event, at) => {
        this.#happened(event);
        this.#history.event(event, at);
        this.#tell((config) => this.#notifications.ofVrrp(event, config, at));
      },
    ),
  );
  readonly lvsListener: LinkListener<LvsSnapshot, LvsEvent> = this.#listener(
    'lvs',
    this.#lvs,
    lvsEventText,
    () => {
      this.#toldMasters = undefined;
      this.#tellMasters();
    },
    (event) => {
      this.#happened(event);
      this.#tell((config) => this.#notifications.ofLvs(event, config));
    },
  );

  readonly bfdListener: LinkListener<BfdSnapshot, BfdEvent> = this.#listener(
    'bfd',
    this.#bfd,
    bfdEventText,
    () => undefined,
    () => undefined,
  );

  /** Whether the configuration asks for a bfd process. */
  get wantsBfd(): boolean {
    return (this.#configured?.bfd.sessions.length ?? 0) > 0;
  }

  /** Takes a configuration; {@link apply} puts it in force. */
  take(configuration: Configuration): void {
    this.#configured = nodeSettings(configuration.config);
    this.#configuration = configuration;
    this.#configProblem = undefined;
  }

  /** Says that a newer configuration was not taken; what runs goes on. */
  refuseConfiguration(reason: string): void {
    this.#configProblem = reason;
    this.note({
      severity: 'error',
      kind: 'config.refused',
      subject: 'keepalived.conf',
      message: `${reason}; what ran before goes on`,
      attributes: {},
    });
    this.#options.changed();
  }

  /** False for an event that was told before. */
  note(event: EventText, at = new Date(), origin?: EventOrigin): boolean {
    const kept = this.#options.spool.append({
      at: at.toISOString(),
      ...event,
      ...(origin === undefined ? {} : { origin }),
    });
    if (kept === undefined) return false;
    const { severity, kind, subject, message } = kept;
    const level = severity === 'warning' ? 'warn' : severity;
    this.#options.log[level]({ event: kind, subject, sequence: kept.sequence }, message);
    return true;
  }

  async apply(): Promise<string | undefined> {
    const settings = this.#effectiveSettings();
    if (settings === undefined) return 'no configuration is in force on this node; see its problems';
    this.#armExpiry();
    const vrrpRevision = revisionOf(settings.vrrp);
    const lvsRevision = revisionOf(settings.lvs);
    const bfdRevision = revisionOf(settings.bfd);
    this.#wanted = { vrrp: vrrpRevision, lvs: lvsRevision, bfd: bfdRevision };
    this.#vrrpLink?.configure(vrrpRevision, { ...settings.vrrp, revision: vrrpRevision });
    this.#lvsLink?.configure(lvsRevision, settings.lvs);
    this.#bfdLink?.configure(bfdRevision, { ...settings.bfd, revision: bfdRevision });
    this.#options.changed();
    const missing = await Promise.all([
      this.#inForce('vrrp', this.#vrrp, vrrpRevision),
      this.#inForce('lvs', this.#lvs, lvsRevision),
      this.#bfdLink === undefined ? undefined : this.#inForce('bfd', this.#bfd, bfdRevision),
    ]);
    this.#options.changed();
    const reasons = missing.filter((one) => one !== undefined);
    return reasons.length === 0 ? undefined : reasons.join('; ');
  }

  /** Why a process did not take what it was given last. */
  refusal(): string | undefined {
    const wanted = Object.values(this.#wanted ?? {});
    const refused = [this.#vrrp.refusal, this.#lvs.refusal, this.#bfd.refusal].find(
      (one) => one !== undefined && wanted.includes(one.revision),
    );
    return refused?.reason;
  }

  refusalOf(change: OverrideChange): string | undefined {
    if (this.#configured === undefined) return 'this node has no configuration in force';
    return refusalOf(change, this.#configured);
  }

  configured(change: OverrideChange): OverrideChange | undefined {
    return this.#configured && configuredValue(change, this.#configured);
  }

  instances(): readonly string[] {
    return this.#configured?.vrrp.instances.map((instance) => instance.name) ?? [];
  }

  async relinquish(instance: string): Promise<Outcome> {
    if (this.#vrrpLink === undefined) return { ok: false, reason: 'the vrrp process is not running' };
    return this.#vrrpLink.command({ kind: 'relinquish', instance });
  }

  async countConnections(command: Extract<LvsCommand, { kind: 'connections' }>): Promise<LvsOutcome> {
    if (this.#lvsLink === undefined) return { ok: false, reason: 'the lvs process is not running' };
    const outcome = await this.#lvsLink.command(command);
    if (!outcome.ok) return outcome;
    const answer = lvsOutcomeSchema.safeParse(outcome.value);
    return answer.success
      ? answer.data
      : { ok: false, reason: 'the lvs process gave an answer that cannot be read; is it of another version?' };
  }

  noteOverride(what: 'set' | 'cleared' | 'expired', override: Override, actor: string, reason: string): void {
    const { change } = override;
    const value = JSON.stringify(change);
    this.note({
      severity: 'info',
      kind: `override.${what}`,
      subject: change.kind,
      message: `${what === 'expired' ? 'expired, was set' : what} by ${actor}${reason === '' ? '' : ` (${reason})`}: ${describeChange(change)}`,
      attributes: { id: override.id, source: override.source, actor, reason, change: value },
    });
  }

  /** What the controller is told. */
  state(): model.NodeState {
    return nodeState(this.#view());
  }

  /** What is wrong with the files in the state directory. */
  get stateTroubles(): readonly string[] {
    const { spool, overrides } = this.#options;
    return [...(overrides.problem === undefined ? [] : [overrides.problem]), ...spool.problems];
  }

  /** Resolves when both processes have told their state, or after so many milliseconds. */
  heardBoth(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve();
      };
      const check = () => {
        if (this.#vrrp.snapshot !== undefined && this.#lvs.snapshot !== undefined) end();
      };
      const timer = setTimeout(end, timeoutMs);
      this.#waiting.add(check);
      check();
    });
  }

  /** `upTimeZero`: where sysUpTime is zero, milliseconds since 1970. */
  rows(upTimeZero: number): MibRows | undefined {
    const config = this.#configuration?.config;
    if (config === undefined) return undefined;
    const now = Date.now();
    if (this.#vrrp.snapshot !== undefined) this.#history.snapshot(this.#vrrp.snapshot, now);
    return mibRows({
      config,
      node: this.#options,
      vrrp: this.#vrrp.snapshot,
      vrrpIsStale: this.#vrrp.silentSince !== undefined,
      lvs: this.#lvs.snapshot,
      lvsIsStale: this.#lvs.silentSince !== undefined,
      history: this.#history,
      overrides: this.overrides.list(new Date(now)),
      now,
      upTimeZero,
    });
  }

  /** For the metrics: of a process that is silent there is nothing to tell. */
  heard(): { readonly vrrp: VrrpSnapshot | undefined; readonly lvs: LvsSnapshot | undefined } {
    return {
      vrrp: this.#vrrp.silentSince === undefined ? this.#vrrp.snapshot : undefined,
      lvs: this.#lvs.silentSince === undefined ? this.#lvs.snapshot : undefined,
    };
  }

  /** Of the configuration in force. */
  get snmpSocket(): string | undefined {
    return this.#configuration?.config.globalDefs.snmp.socket;
  }

  /** What the files are made from that signals ask for. */
  dumpSource(): DumpSource {
    return { config: this.#configuration?.config, vrrp: this.#vrrp.snapshot };
  }

  carryOut(command: agent.Command): Promise<agent.CommandResult> {
    return this.commands.carryOut(command);
  }

  close(): void {
    if (this.#expiry !== undefined) clearTimeout(this.#expiry);
    this.#vrrpLink?.close();
    this.#lvsLink?.close();
    this.#bfdLink?.close();
  }

  #view(): NodeView {
    const { spool, overrides } = this.#options;
    return {
      vrrp: this.#vrrp.snapshot,
      vrrpSilentSince: this.#vrrp.silentSince,
      lvs: this.#lvs.snapshot,
      overrides: overrides.list(new Date()),
      processes: this.processes(),
      members: this.members,
      claims: this.claims(),
      configHash: this.#configuration?.hash ?? '',
      problems: [
        ...(this.#configProblem === undefined ? [] : [`config: ${this.#configProblem}`]),
        ...this.#halfProblems('vrrp', this.#vrrp),
        ...this.#halfProblems('lvs', this.#lvs),
        ...(this.#bfdLink === undefined ? [] : [...this.#halfProblems('bfd', this.#bfd), ...this.#lostSessions()]),
        ...this.#withoutEffect.map(
          (override) =>
            `override ${override.id} has no effect: ${describeChange(override.change)}, which the configuration does not have`,
        ),
        ...this.stateTroubles,
        ...(spool.lost === 0
          ? []
          : [`event spool: ${spool.lost} of the oldest events were given up because no controller took them`]),
        ...this.otherProblems(),
      ],
    };
  }

  #halfProblems(role: Role, half: Half<unknown>): string[] {
    if (half.hello === undefined) return [`${role}: its process is not connected`];
    const refused = half.refusal === undefined ? [] : [`${role}: settings were refused: ${half.refusal.reason}`];
    const silent =
      half.silentSince === undefined
        ? []
        : [
            `${role}: its process (${half.hello.pid}) has said nothing since ${new Date(half.silentSince).toISOString()}, and its state is as old: it is stopped or held up; \`kill -CONT ${half.hello.pid}\` lets a stopped one go on, \`kill -9 ${half.hello.pid}\` has it started anew`,
          ];
    return [...silent, ...half.hello.problems.map((problem) => `${role}: ${problem}`), ...refused];
  }

  #lostSessions(): string[] {
    const lost = this.#bfd.snapshot?.sessions.filter(({ state }) => state !== 'up') ?? [];
    return lost.map(
      ({ name, neighbor, state, since, diagnostic, remoteDiagnostic }) =>
        `bfd: session ${name} with ${neighbor} is ${state} since ${new Date(since).toISOString()}: ${diagnosticText(diagnostic)} (neighbour: ${diagnosticText(remoteDiagnostic)})`,
    );
  }

  #effectiveSettings(): NodeSettings | undefined {
    if (this.#configured === undefined) return undefined;
    const { settings, withoutEffect } = applyOverrides(this.#configured, this.overrides.list(new Date()));
    this.#withoutEffect = withoutEffect;
    return settings;
  }

  /** Waits until the process has the revision; the answer says why it has not. */
  #inForce(role: Role, half: Half<unknown>, revision: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const end = (answer: string | undefined) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(answer);
      };
      const check = () => {
        if (half.applied === revision) end(undefined);
        else if (half.refusal?.revision === revision) end(`the ${role} process refused it: ${half.refusal.reason}`);
        else if (half.silentSince !== undefined)
          end(
            `kept, but the ${role} process does not answer: it is stopped or held up; it gets the change when it goes on`,
          );
      };
      const timer = setTimeout(
        () =>
          end(
            `kept, but the ${role} process ${half.hello === undefined ? 'is not running; it gets the change when it is back' : 'has not confirmed it'}`,
          ),
        APPLY_TIMEOUT_MS,
      );
      this.#waiting.add(check);
      check();
    });
  }

  #watched(listener: LinkListener<VrrpSnapshot, VrrpEvent>): LinkListener<VrrpSnapshot, VrrpEvent> {
    return {
      ...listener,
      snapshot: (snapshot, at) => {
        listener.snapshot(snapshot, at);
        this.routersChanged(snapshot.instances);
      },
      disconnected: (reason) => {
        listener.disconnected(reason);
        this.routersChanged([]);
      },
    };
  }

  #happened(event: VrrpEvent | LvsEvent): void {
    if (this.#configuration !== undefined) this.#options.happened(event, this.#configuration);
  }

  #listener<Snapshot, Event>(
    role: Role,
    half: Half<Snapshot>,
    textOf: (event: Event) => EventText,
    heard: () => void,
    alsoTell: (event: Event, at: number) => void,
  ): LinkListener<Snapshot, Event> {
    const changed = () => {
      for (const check of this.#waiting) check();
      this.#options.changed();
    };
    return {
      connected: (hello) => {
        if (half.hello?.incarnation !== hello.incarnation) half.applied = undefined;
        half.hello = hello;
        half.applied = hello.revision ?? undefined;
        this.#options.log.info(
          { role, processPid: hello.pid, revision: hello.revision },
          `the ${role} process is connected`,
        );
        if (role === 'lvs') heard();
        changed();
      },
      snapshot: (snapshot, at) => {
        half.snapshot = snapshot;
        half.heardAt = at;
        if (role === 'vrrp') heard();
        changed();
      },
      problems: (problems) => {
        if (half.hello !== undefined) half.hello = { ...half.hello, problems: [...problems] };
        changed();
      },
      silent: (isSilent) => {
        half.silentSince = isSilent ? half.heardAt : undefined;
        const pid = String(half.hello?.pid);
        this.note({
          severity: isSilent ? 'error' : 'info',
          kind: 'agent.process',
          subject: role,
          message: isSilent
            ? `the ${role} process (${pid}) says nothing any more: it is stopped or held up, and what is shown of it is old`
            : `the ${role} process (${pid}) speaks again`,
          attributes: { state: isSilent ? 'silent' : 'up' },
        });
        changed();
      },
      event: (event, at, position) => {
        const news = this.note(textOf(event), new Date(at), { role, ...position });
        if (news) alsoTell(event, at);
        changed();
      },
      missed: (count) =>
        this.note({
          severity: 'error',
          kind: 'agent.events-missed',
          subject: role,
          message: `${count} events of the ${role} process were dropped: control was away for longer than it keeps them`,
          attributes: { count: String(count) },
        }),
      applied: (revision) => {
        half.applied = revision;
        half.refusal = undefined;
        changed();
      },
      refused: (revision, reason) => {
        half.refusal = { revision, reason };
        this.note({
          severity: 'error',
          kind: 'config.refused',
          subject: role,
          message: `the ${role} process refused its settings: ${reason}`,
          attributes: {},
        });
        changed();
      },
      disconnected: () => {
        half.hello = undefined;
        half.snapshot = undefined;
        half.applied = undefined;
        half.silentSince = undefined;
        changed();
      },
    };
  }

  /** An override that ends by itself is told like one that somebody cleared. */
  #noteExpired(): void {
    try {
      for (const override of this.overrides.takeExpired(new Date()))
        this.noteOverride('expired', override, override.actor, override.reason);
    } catch (error) {
      // It has no effect any more all the same; it is told when the file can be written again.
      this.#options.log.error({ reason: errorText(error) }, 'an expired override could not be removed from its file');
    }
  }

  /** Connection synchronisation sends on a master and takes on a backup. */
  #tellMasters(): void {
    const { snapshot } = this.#vrrp;
    if (snapshot === undefined || this.#lvs.hello === undefined) return;
    const instances = snapshot.instances.filter(({ state }) => state === 'master').map(({ name }) => name);
    const told = JSON.stringify(instances);
    if (told === this.#toldMasters) return;
    this.#toldMasters = told;
    // Told again with the next report of the vrrp process.
    const again = () => {
      if (this.#toldMasters === told) this.#toldMasters = undefined;
    };
    // A link that is lost or closed meanwhile is no error: whoever is at its end next is told.
    this.#lvsLink?.command({ kind: 'masters', instances }).then((outcome) => {
      if (!outcome.ok) again();
    }, again);
  }

  #tell(notificationsOf: (config: Configuration['config']) => readonly Notification[]): void {
    const config = this.#configuration?.config;
    if (config === undefined) return;
    for (const notification of notificationsOf(config)) this.#options.notify(notification);
  }

  #armExpiry(): void {
    if (this.#expiry !== undefined) clearTimeout(this.#expiry);
    this.#noteExpired();
    const next = this.overrides.nextExpiry(new Date());
    if (next === undefined) return;
    // Looked at once a minute, so that a wall clock that is set meanwhile counts.
    const wait = Math.min(Math.max(0, next.getTime() - Date.now()) + 1, EXPIRY_LOOK_MS);
    this.#expiry = setTimeout(() => {
      if (next.getTime() > Date.now()) return this.#armExpiry();
      this.apply().catch((error: unknown) =>
        this.#options.log.error({ reason: errorText(error) }, 'an expired override could not be taken back'),
      );
    }, wait);
  }
}

function revisionOf(settings: unknown): string {
  return createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 16);
}
