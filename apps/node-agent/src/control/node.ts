import type { DumpSource } from './dump-signals.ts';
import { type BfdCommand, type BfdEvent, type BfdSettings, type BfdSnapshot, diagnosticText } from '@keepfleet/bfd';
import type { CheckerSettings } from '@keepfleet/health';
import type { LvsCommand, LvsEvent, LvsOutcome, LvsSettings, LvsSnapshot } from '@keepfleet/ipvs';
import { seconds } from '@keepfleet/machine';
import type { MibRows, Notification, OwnershipNotification } from '@keepfleet/mib';
import { type agent, type model } from '@keepfleet/rpc';
import type { VrrpCommand, VrrpEvent, VrrpSettings, VrrpSnapshot } from '@keepfleet/vrrp';
import { bfdEventText } from '../bfd/event-text.ts';
import type { LinkClient, LinkListener, Outcome } from '../link/index.ts';
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
import { type GroupChange, GroupStates } from './group-states.ts';
import type { GossipDesk } from './gossip-desk.ts';
import { configuredValue, describeChange, refusalOf } from './changes.ts';
import { errorText } from '../error-text.ts';
import { type EventText, lvsEventText, vrrpEventText } from './events.ts';
import { interfaceIndexOf } from './interface-index.ts';
import { mibRows } from './mib-rows.ts';
import { NodeProcess } from './node-process.ts';
import { Notifications } from './notifications.ts';
import { RouterHistory } from './router-history.ts';
import { type NodeView, nodeState } from './node-state.ts';
import type { OverrideStore } from './override-store.ts';
import type { EventOrigin, EventSpool } from './spool.ts';

const EXPIRY_LOOK_MS = 60_000;
/** What is residual goes before an instance starts, and this is when it does: in a year. */
const NEVER = seconds(365 * 24 * 3_600);

export type VrrpLink = LinkClient<VrrpSettings, VrrpCommand, VrrpSnapshot, VrrpEvent>;
export type LvsLink = LinkClient<LvsSettings<CheckerSettings>, LvsCommand, LvsSnapshot, LvsEvent>;
export type BfdLink = LinkClient<BfdSettings, BfdCommand, BfdSnapshot, BfdEvent>;

export interface NodeOptions {
  readonly name: string;
  readonly version: string;
  /** What `@ID` lines are compared with. */
  readonly configId: string;
  readonly spool: EventSpool;
  readonly overrides: OverrideStore;
  readonly log: Log;
  /** Called whenever what the node reports may have changed. */
  readonly changed: () => void;
  /** Called once for each event of the two processes, and for what those of instances make of their sync groups. */
  readonly happened: (event: VrrpEvent | LvsEvent | GroupChange, configuration: Configuration) => void;
  /** What SNMP managers are to be told. */
  readonly notify: (notification: Notification) => void;
  /** A process is gone, and the rows of its last snapshot are about to be. */
  readonly leaving: () => void;
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
  /** Its processes are being stopped. */
  #ending = false;
  #toldMasters: string | undefined;
  #configProblem: string | undefined;
  readonly #vrrp: NodeProcess<VrrpSettings, VrrpCommand, VrrpSnapshot, VrrpEvent>;
  readonly #lvs: NodeProcess<LvsSettings<CheckerSettings>, LvsCommand, LvsSnapshot, LvsEvent>;
  readonly #bfd: NodeProcess<BfdSettings, BfdCommand, BfdSnapshot, BfdEvent>;
  readonly #history = new RouterHistory();
  readonly #notifications = new Notifications(this.#history);
  readonly #groupStates = new GroupStates();
  #expiry: NodeJS.Timeout | undefined;
  /** Keys of the real servers that a snapshot has, by those of their virtual servers. */
  #rowsKnown: { of: LvsSnapshot | undefined; keys: ReadonlyMap<string, ReadonlySet<string>> } | undefined;
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
    const common = {
      log: options.log,
      note: this.note.bind(this),
      changed: options.changed,
      leaving: options.leaving,
    };
    this.#vrrp = new NodeProcess({
      ...common,
      role: 'vrrp',
      textOf: vrrpEventText,
      heard: ({ instances }) => {
        this.#tellMasters();
        this.routersChanged(instances);
      },
      happened: (event: VrrpEvent, at) => {
        this.#happened(event);
        this.#history.event(event, at);
        this.#tell((config) => {
          const groups = event.kind === 'state-changed' ? this.#groupStates.after(event, config) : [];
          for (const change of groups) this.#happened(change);
          return this.#notifications.ofVrrp(event, groups, config, at);
        });
      },
      disconnected: () => this.routersChanged([]),
    });
    this.#lvs = new NodeProcess({
      ...common,
      role: 'lvs',
      textOf: lvsEventText,
      connected: () => {
        this.#toldMasters = undefined;
        this.#tellMasters();
      },
      happened: (event: LvsEvent) => {
        this.#happened(event);
        this.#tell((config) => this.#notifications.ofLvs(event, config));
      },
    });
    this.#bfd = new NodeProcess({ ...common, role: 'bfd', textOf: bfdEventText });
  }

  link(vrrp: VrrpLink, lvs: LvsLink): void {
    this.#vrrp.link = vrrp;
    this.#lvs.link = lvs;
  }

  /** The bfd process is there only while there is something to do for it. */
  set bfd(link: BfdLink | undefined) {
    this.#bfd.link = link;
  }

  get vrrpListener(): LinkListener<VrrpSnapshot, VrrpEvent> {
    return this.#vrrp.listener;
  }

  get lvsListener(): LinkListener<LvsSnapshot, LvsEvent> {
    return this.#lvs.listener;
  }

  get bfdListener(): LinkListener<BfdSnapshot, BfdEvent> {
    return this.#bfd.listener;
  }

  get configId(): string {
    return this.#options.configId;
  }

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
    // What comes now must not reach a process that hands over, nor one that only cleans up.
    if (this.#ending) return 'this node is stopping';
    const settings = this.#effectiveSettings();
    if (settings === undefined) return 'no configuration is in force on this node; see its problems';
    this.#armExpiry();
    const { vrrp, lvs, bfd } = settings;
    this.#vrrp.configure(vrrp);
    this.#lvs.configure(lvs);
    this.#bfd.configure(bfd);
    this.#options.changed();
    const missing = await Promise.all([
      this.#vrrp.inForce(),
      this.#lvs.inForce(),
      this.#bfd.link === undefined ? undefined : this.#bfd.inForce(),
    ]);
    this.#options.changed();
    const reasons = missing.filter((one) => one !== undefined);
    return reasons.length === 0 ? undefined : reasons.join('; ');
  }

  /** The processes are about to be stopped. */
  end(): void {
    this.#ending = true;
    for (const one of [this.#vrrp, this.#lvs, this.#bfd]) one.end();
  }

  /** One that has no settings yet knows nothing of what a process before it may have left behind. */
  get vrrpHasSettings(): boolean {
    return this.#vrrp.hasSettings;
  }

  /** Has a new vrrp process remove what a killed one left behind, and no more; the answer says why it did not. */
  async cleanUp(): Promise<string | undefined> {
    const vrrp = this.#effectiveSettings()?.vrrp;
    if (vrrp === undefined) return undefined;
    this.#vrrp.ended();
    this.#vrrp.configure({ ...vrrp, startupDelay: NEVER });
    return this.#vrrp.inForce();
  }

  /** Why a process did not take what it was given last. */
  refusal(): string | undefined {
    return this.#vrrp.refusal ?? this.#lvs.refusal ?? this.#bfd.refusal;
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

  relinquish(instance: string): Promise<Outcome> {
    return this.#vrrp.command({ kind: 'relinquish', instance });
  }

  announce(instance: string): Promise<Outcome> {
    return this.#vrrp.command({ kind: 'announce', instance });
  }

  async countConnections(command: Extract<LvsCommand, { kind: 'connections' }>): Promise<LvsOutcome> {
    const outcome = await this.#lvs.command(command);
    if (!outcome.ok) return outcome;
    const answer = lvsOutcomeSchema.safeParse(outcome.value);
    return answer.success
      ? answer.data
      : { ok: false, reason: 'the lvs process gave an answer that cannot be read; is it of another version?' };
  }

  /** Of one virtual server, or of all that IPVS has. */
  zeroCounters(service: string | undefined): Promise<Outcome> {
    return this.#lvs.command(service === undefined ? { kind: 'zero' } : { kind: 'zero', service });
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

  tellOwnership(notification: OwnershipNotification): void {
    this.#tell((config) => this.#notifications.ofOwnership(notification, config));
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
  async heardBoth(timeoutMs: number): Promise<void> {
    await Promise.all([this.#vrrp.heard(timeoutMs), this.#lvs.heard(timeoutMs)]);
  }

  /** Resolves when the state of both processes is that of what is in force, or after so many milliseconds. */
  async shown(timeoutMs: number): Promise<void> {
    await Promise.all([this.#vrrp.shown(timeoutMs), this.#lvs.shown(timeoutMs)]);
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
      bfd: this.#bfd.current,
      otherInterfaceIndex: interfaceIndexOf,
      history: this.#history,
      overrides: this.overrides.list(new Date(now)),
      now,
      upTimeZero,
    });
  }

  /**
   * Whether it can be told with the rows that there are: those it is about are among them, or never will be. A process
   * tells of what its settings bring before the snapshot that has it: after a start, an adoption, a reload.
   */
  knowsRowsOf(notification: Notification): boolean {
    switch (notification.kind) {
      case 'real-server-state':
      case 'quorum-state': {
        if (this.#lvs.isUpToDate) return true;
        const servers = this.#serverRows().get(notification.virtualServer);
        if (servers === undefined || notification.kind === 'quorum-state') return servers !== undefined;
        return servers.has(notification.realServer);
      }
      case 'sync-group-state':
        // Its row is the configuration's; its members' states are not.
        return this.#vrrp.snapshot?.revision !== undefined || this.#vrrp.isUpToDate;
      default: {
        const { instance } = notification;
        return this.#vrrp.isUpToDate || this.#vrrp.snapshot?.instances.some(({ name }) => name === instance) === true;
      }
    }
  }

  /** Made once of a snapshot, and only if something waits: there may be tens of thousands of either. */
  #serverRows(): ReadonlyMap<string, ReadonlySet<string>> {
    const { snapshot } = this.#lvs;
    if (this.#rowsKnown?.of !== snapshot) {
      const services = snapshot?.virtualServers ?? [];
      this.#rowsKnown = {
        of: snapshot,
        keys: new Map(services.map(({ key, realServers }) => [key, new Set(realServers.map((one) => one.key))])),
      };
    }
    return this.#rowsKnown?.keys ?? new Map();
  }

  /** For the metrics: of a process that is silent there is nothing to tell. */
  heard(): {
    readonly vrrp: VrrpSnapshot | undefined;
    readonly lvs: LvsSnapshot | undefined;
    readonly bfd: BfdSnapshot | undefined;
  } {
    return {
      bfd: this.#bfd.current,
      vrrp: this.#vrrp.current,
      lvs: this.#lvs.current,
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

  get configHash(): string {
    return this.#configuration?.hash ?? '';
  }

  get isDrained(): boolean {
    return this.#options.overrides.list(new Date()).some(({ change }) => change.kind === 'drain-node');
  }

  close(): void {
    if (this.#expiry !== undefined) clearTimeout(this.#expiry);
    this.#vrrp.link?.close();
    this.#lvs.link?.close();
    this.#bfd.link?.close();
  }

  #view(): NodeView {
    const { spool, overrides } = this.#options;
    return {
      vrrp: this.#vrrp.snapshot,
      vrrpWanted: this.#configured?.vrrp,
      vrrpSilentSince: this.#vrrp.silentSince,
      lvs: this.#lvs.snapshot,
      overrides: overrides.list(new Date()),
      processes: this.processes(),
      members: this.members,
      claims: this.claims(),
      configHash: this.configHash,
      problems: [
        ...(this.#configProblem === undefined ? [] : [`config: ${this.#configProblem}`]),
        ...this.#vrrp.problems,
        ...this.#lvs.problems,
        ...(this.#bfd.link === undefined ? [] : [...this.#bfd.problems, ...this.#lostSessions()]),
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

  #happened(event: VrrpEvent | LvsEvent | GroupChange): void {
    if (this.#configuration !== undefined) this.#options.happened(event, this.#configuration);
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
    if (snapshot === undefined || !this.#lvs.isConnected) return;
    const instances = snapshot.instances.filter(({ state }) => state === 'master').map(({ name }) => name);
    const told = JSON.stringify(instances);
    if (told === this.#toldMasters) return;
    this.#toldMasters = told;
    // Told again with the next report of the vrrp process.
    const again = () => {
      if (this.#toldMasters === told) this.#toldMasters = undefined;
    };
    // A link that is lost or closed meanwhile is no error: whoever is at its end next is told.
    this.#lvs.command({ kind: 'masters', instances }).then((outcome) => {
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
