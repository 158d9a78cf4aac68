import { dumpAtSignals } from './dump-signals.ts';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { BfdCommand, BfdEvent, BfdSettings, BfdSnapshot } from '@keepfleet/bfd';
import type { AgentFile } from '@keepfleet/config';
import type { CheckerSettings } from '@keepfleet/health';
import type { LvsCommand, LvsEvent, LvsSettings, LvsSnapshot } from '@keepfleet/ipvs';
import { lockPidFile, missingCapabilities } from '@keepfleet/linux';
import type { Change } from '@keepfleet/mib';
import type { VrrpCommand, VrrpEvent, VrrpSettings, VrrpSnapshot } from '@keepfleet/vrrp';
import { credentials } from '@grpc/grpc-js';
import { type Gossip, type GossipEvent, describeProblem, startGossip } from '../gossip/index.ts';
import { type Role, socketPath } from '../link/index.ts';
import { bfdEventSchema, bfdSnapshotSchema } from '../bfd/schemas.ts';
import { lvsEventSchema, lvsSnapshotSchema } from '../lvs/schemas.ts';
import { DEFAULT_AGENT_CONFIG, type RoleOptions } from '../options.ts';
import { MetricsServer, exposition } from '../metrics/index.ts';
import type { OverrideChange } from '../settings/index.ts';
import { DEFAULT_MASTER, NumberFile, SnmpService, bootEngine, parseMasterAddress } from '../snmp/index.ts';
import { tlsCredentials } from '../uplink/tls.ts';
import { Uplink } from '../uplink/uplink.ts';
import { vrrpEventSchema, vrrpSnapshotSchema } from '../vrrp/schemas.ts';
import { endProcesses, wasKilled } from './end-processes.ts';
import { readAgentFile } from './agent-file.ts';
import { AlarmStore } from './alarm-store.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { defaultConfigId, diagnosticLines } from './configuration.ts';
import { errorText } from '../error-text.ts';
import { Mailer, alertOf } from '../mail/index.ts';
import { agentTags, controllersToTry, gossipOptions, memberEventText, wireMembers } from './membership.ts';
import { GossipDesk } from './gossip-desk.ts';
import { LocalSocket } from './local-socket.ts';
import { LastGoodStore } from './last-good.ts';
import { ControlNode } from './node.ts';
import { NotificationQueue } from './notification-queue.ts';
import { OverrideStore } from './override-store.ts';
import { Ownership } from './ownership.ts';
import { Processes } from './processes.ts';
import { ReloadClock } from './reload-time.ts';
import { localService } from './local-service.ts';
import { Reloader, type ReloaderOptions } from './reloader.ts';
import { EventSpool } from './spool.ts';
import { type ProcessState, SupervisedProcess, roleCommand } from './supervise.ts';

/** The first report waits so long for the processes to be heard, so that it is not one of an empty node. */
const FIRST_REPORT_DELAY_MS = 3_000;
/** Changes are gathered for this long before SNMP gets new rows and the controller what changed. */
const GATHER_MS = 20;
/** Mails that wait at the end get this long, and what is not handed over then is lost. */
const LAST_MAILS_MS = 5_000;
/** The first SIGHUP is a reload at once; those of this long after it are one more together, of the file as it is then. */
const RELOAD_PAUSE_MS = 200;
/**
 * For another lvs process to start, which removes what a killed one left; it has half as long to do so. The kill may have taken
 * 8 s, and who stops the agent waits for 20.
 */
const CLEAN_UP_MS = 4_000;
/** Gossip that could not tell everybody by then that this node leaves goes without: the others will miss it by themselves. */
const LEAVE_MS = 5_000;
/** Gossip that could not be started, for example because its port is taken, is tried again after this. */
const GOSSIP_RETRY_MS = 30_000;

/** The control process: everything of a node but VRRP and IPVS themselves. Returns when the node is told to end. */
export async function runControl(options: RoleOptions): Promise<void> {
  const agentFile = readAgentFile(options.agentConfig, options.agentConfig === DEFAULT_AGENT_CONFIG);
  // Said here too, where it is read: the processes that need them would be started again and again.
  const missing = missingCapabilities(['CAP_NET_ADMIN', 'CAP_NET_RAW']);
  if (missing.length > 0)
    throw new Error(`the agent needs ${missing.join(' and ')}: run it as root, or grant them in the service unit`);
  const lock = lockPidFile(join(options.runDirectory, 'control.pid'));
  if (lock.kind === 'held') {
    const who = lock.pid === undefined ? '' : ` (process ${lock.pid})`;
    throw new AlreadyRunning(
      `an agent runs already in ${options.runDirectory}${who}; stop it, or give this one another --run-dir`,
    );
  }
  try {
    await new Control(options, agentFile).run();
  } finally {
    lock.release();
  }
}

class AlreadyRunning extends Error {
  override readonly name = 'AlreadyRunning';
  readonly code = 'in-use';
}

class Control {
  readonly #options: RoleOptions;
  readonly #agentFile: AgentFile;
  readonly #name: string;
  readonly #spool: EventSpool;
  readonly #node: ControlNode;
  readonly #processes = new Processes();
  readonly #mailer: Mailer;
  readonly #vrrp: SupervisedProcess<VrrpSettings, VrrpCommand, VrrpSnapshot, VrrpEvent>;
  readonly #lvs: SupervisedProcess<LvsSettings<CheckerSettings>, LvsCommand, LvsSnapshot, LvsEvent>;
  #bfd: SupervisedProcess<BfdSettings, BfdCommand, BfdSnapshot, BfdEvent> | undefined;
  /** Of a bfd process that nothing is left for. */
  #bfdStopping: Promise<void> | undefined;
  /** Its watch would keep a process alive that has ended everything else. */
  #endDumps: (() => void) | undefined;
  #snmp: SnmpService | undefined;
  /** The session at one socket is closed before that at the next is opened; notifications wait meanwhile. */
  #snmpMoves = false;
  /** Told once the rows are those after the event. */
  readonly #toTell: NotificationQueue;
  readonly #snmpNumbers: NumberFile;
  #metrics: MetricsServer | undefined;
  #gossip: Gossip | undefined;
  /** The tags that gossip was given last. */
  #tags = '';
  readonly #ownership: Ownership;
  readonly #localSocket: LocalSocket;
  #uplink: Uplink | undefined;
  #gather: NodeJS.Timeout | undefined;
  #gossipProblem: string | undefined;
  /** Troubles of the state directory that are in the log: a controller may not be there to be told. */
  readonly #told = new Set<string>();
  #gossipRetry: NodeJS.Timeout | undefined;
  #reload: NodeJS.Timeout | undefined;
  /** By the clock of performance.now. */
  #reloadedAt = -Infinity;
  readonly #lastGood: LastGoodStore;
  readonly #reloader: Reloader;
  readonly #clock: ReloadClock;
  #ending = false;

  constructor(options: RoleOptions, agentFile: AgentFile) {
    this.#options = options;
    this.#mailer = new Mailer(options.log);
    this.#agentFile = agentFile;
    this.#name = agentFile.node ?? hostname().split('.')[0] ?? 'node';
    this.#lastGood = new LastGoodStore(options.stateDirectory);
    this.#refuseToStartBlind();
    this.#spool = new EventSpool(join(options.stateDirectory, 'spool'));
    this.#toTell = new NotificationQueue(options.log);
    this.#node = new ControlNode({
      name: this.#name,
      version: options.version,
      configId: agentFile.configId ?? defaultConfigId(),
      spool: this.#spool,
      overrides: new OverrideStore(join(options.stateDirectory, 'overrides.json')),
      log: options.log,
      changed: () => this.#changed(),
      happened: (event, { config }) => {
        const alert = alertOf(event, config);
        if (alert !== undefined) this.#mailer.send(alert);
      },
      notify: (notification) => this.#toTell.push(notification),
      leaving: () => this.#tellManagers(),
    });
    this.#snmpNumbers = new NumberFile({
      path: join(options.stateDirectory, 'snmp-indexes.json'),
      write: writeFileAtomically,
      warn: (message) => options.log.warn({}, message),
    });
    this.#ownership = new Ownership({
      alarms: new AlarmStore(join(options.stateDirectory, 'ownership-alarms.json'), options.log),
      node: this.#name,
      raise: (name, payload) => this.#gossip?.raise(name, payload, true),
      watch: (names) => this.#gossip?.watch(names),
      members: () => this.#gossip?.members() ?? [],
      note: (event) => this.#node.note(event),
      notify: (notification) => this.#node.tellOwnership(notification),
      changed: () => this.#changed(),
    });
    const desk = new GossipDesk({
      node: this.#name,
      gossip: () => this.#gossip,
      ownership: this.#ownership,
      note: (event) => this.#node.note(event),
    });
    this.#node.gossip = desk;
    this.#node.claims = () => this.#ownership.claims();
    this.#node.routersChanged = (routers) => this.#ownership.update(routers);
    this.#node.processes = () => this.#processes.list();
    this.#node.otherProblems = () => this.#problems();
    this.#vrrp = this.#superviseVrrp();
    this.#lvs = this.#superviseLvs();
    this.#node.link(this.#vrrp.link, this.#lvs.link);
    this.#clock = new ReloadClock(() => this.#reloadNow(), options.log);
    this.#reloader = new Reloader({
      ...this.#reloading(),
      defaultReloadFile: join(options.runDirectory, 'keepalived.reload'),
      target: {
        configure: (configuration) => {
          this.#mailer.configure(configuration.config.globalDefs);
          this.#node.take(configuration);
          this.#followSnmp();
          return this.#apply();
        },
        refusal: () => this.#node.refusal(),
        refuseConfiguration: (reason) => this.#node.refuseConfiguration(reason),
        note: (event) => this.#node.note(event),
      },
      log: options.log,
      inForce: ({ config }) => this.#clock.follow(config.globalDefs.reload),
    });
    const local = localService(this.#reloader, this.#reloading().path, this.#lastGood, (service) =>
      this.#node.zeroCounters(service),
    );
    this.#localSocket = new LocalSocket(options.runDirectory, desk, local);
  }

  async run(): Promise<void> {
    const ended = this.#signals();
    this.#reloader
      .start()
      .catch((error: unknown) => this.#sayReloadFailed(error))
      // Without a configuration there are at least the system group and the way of notifications.
      .finally(() => this.#startSnmp());
    await this.#startLocalSocket();
    this.#startMetrics();
    // Nobody who asks this node to end waits for any of it.
    void this.#startGossip()
      .then(() => this.#node.heardBoth(FIRST_REPORT_DELAY_MS))
      .then(() => this.#startUplink())
      .catch((error: unknown) =>
        this.#options.log.error({ err: error }, `this node does not report to the controller: ${errorText(error)}`),
      );
    const how = await ended;
    this.#options.log.info({ how }, how === 'stop' ? 'stopping: handing over' : 'ending; VRRP and IPVS go on');
    this.#ending = true;
    clearTimeout(this.#reload);
    this.#reloader.close();
    this.#clock.close();
    clearTimeout(this.#gossipRetry);
    this.#uplink?.close();
    this.#ownership.close();
    this.#localSocket.close();
    const others = [this.#lvs, ...(this.#bfd === undefined ? [] : [this.#bfd])];
    if (how === 'stop') await Promise.all([this.#handOver(others), this.#leaveGossip()]);
    else for (const one of [this.#vrrp, ...others]) one.detach();
    await Promise.all([this.#metrics?.close(), this.#gossip?.close()]);
    // Managers are told of the hand-over too.
    this.#toTell.tell((notification) => this.#snmp?.notify(notification));
    await this.#snmp?.close();
    this.#node.close();
    // That it stops is worth a mail, too.
    await this.#mailer.drained(LAST_MAILS_MS);
    this.#mailer.close();
    if (this.#gather !== undefined) clearTimeout(this.#gather);
    this.#snmpNumbers.write();
    this.#spool.close();
    this.#endDumps?.();
  }

  async #handOver(others: readonly { stop(mode: 'release', timeoutMs?: number): Promise<void> }[]): Promise<void> {
    this.#node.end();
    const knewNothing = !this.#node.vrrpHasSettings;
    await Promise.all([endProcesses(this.#vrrp, others), this.#bfdStopping]);
    await Promise.all([this.#cleanUpAfterVrrp(knewNothing), this.#cleanUpAfterLvs()]);
  }

  /** What a killed lvs process left in the kernel is on its list, from which another one removes it. */
  async #cleanUpAfterLvs(): Promise<void> {
    if (!wasKilled(this.#options.runDirectory, 'lvs')) return;
    this.#node.note({
      severity: 'error',
      kind: 'agent.process',
      subject: 'lvs',
      message:
        'the lvs process was killed before it had removed its services: another one removes them, and looks after nothing',
      attributes: { state: 'down' },
    });
    const another = this.#superviseLvs();
    if (await another.started(CLEAN_UP_MS)) await another.stop('release', CLEAN_UP_MS / 2);
    else {
      this.#options.log.error(
        {},
        'services of this node may be left in IPVS: no lvs process has started to remove them',
      );
      await another.stop('release', 0);
    }
  }

  async #cleanUpAfterVrrp(knewNothing: boolean): Promise<void> {
    const killed = wasKilled(this.#options.runDirectory, 'vrrp');
    if (!killed && !knewNothing) return;
    if (killed)
      this.#node.note({
        severity: 'error',
        kind: 'agent.process',
        subject: 'vrrp',
        message:
          'the vrrp process was killed before it had handed over: another one removes what it left behind, and takes part in nothing',
        attributes: { state: 'down' },
      });
    const another = this.#superviseVrrp();
    this.#node.link(another.link, this.#lvs.link);
    const trouble = await this.#node.cleanUp();
    if (trouble !== undefined)
      this.#options.log.error({}, `addresses of this node may be left on its interfaces: ${trouble}`);
    await another.stop('release');
  }

  /** Beside the hand-over, which must come to its end whatever becomes of this. */
  async #leaveGossip(): Promise<void> {
    const bound = new AbortController();
    await Promise.race([
      this.#gossip
        ?.leave()
        .catch((error: unknown) => this.#options.log.error({ err: error }, `gossip was not left: ${errorText(error)}`)),
      pause(LEAVE_MS, undefined, { signal: bound.signal }).catch(() => undefined),
    ]);
    bound.abort();
  }

  /** A file with errors must not stop what runs; where nothing runs and nothing good is kept, saying so and ending is all there is to do. */
  #refuseToStartBlind(): void {
    const reading = Reloader.atStart(this.#reloading());
    const running = (['vrrp', 'lvs', 'bfd'] as const).some((role) =>
      existsSync(socketPath(this.#options.runDirectory, role)),
    );
    if (reading.ok || running) return;
    throw new Error([...diagnosticLines(reading.diagnostics), reading.reason].join('\n'));
  }

  #reloading(): Pick<ReloaderOptions, 'path' | 'reading' | 'lastGood'> {
    const path = this.#agentFile.paths.keepalivedConf ?? this.#options.config;
    return { path, reading: { configId: this.#agentFile.configId }, lastGood: this.#lastGood };
  }

  #reloadNow(): void {
    this.#reloader.reload().catch((error: unknown) => this.#sayReloadFailed(error));
  }

  #sayReloadFailed(error: unknown): void {
    this.#options.log.error({}, `the configuration could not be put in force: ${errorText(error)}`);
  }

  /** Puts in force what the node has taken; the answer says what is missing. */
  async #apply(): Promise<string | undefined> {
    this.#startBfd();
    const missing = await this.#node.apply();
    this.#endBfd();
    return missing;
  }

  /** The bfd process runs while there is a bfd_instance; one of an earlier configuration is there too until it is told. */
  #startBfd(): void {
    if (this.#ending || this.#bfdStopping !== undefined) return;
    const { runDirectory } = this.#options;
    if (this.#bfd === undefined && (this.#node.wantsBfd || existsSync(socketPath(runDirectory, 'bfd')))) {
      this.#bfd = new SupervisedProcess({
        ...this.#supervision('bfd'),
        snapshot: bfdSnapshotSchema,
        event: bfdEventSchema,
        listener: this.#node.bfdListener,
      });
    }
    this.#node.bfd = this.#bfd?.link;
  }

  #endBfd(): void {
    const leaving = this.#bfd;
    if (this.#ending || this.#node.wantsBfd || leaving === undefined) return;
    this.#bfd = undefined;
    this.#node.bfd = undefined;
    this.#bfdStopping = leaving.stop('release').then(() => {
      this.#bfdStopping = undefined;
      // A configuration that came meanwhile may want it again.
      if (this.#node.wantsBfd) this.#apply().catch((error: unknown) => this.#sayReloadFailed(error));
    });
  }

  #superviseLvs(): SupervisedProcess<LvsSettings<CheckerSettings>, LvsCommand, LvsSnapshot, LvsEvent> {
    return new SupervisedProcess({
      ...this.#supervision('lvs'),
      snapshot: lvsSnapshotSchema,
      event: lvsEventSchema,
      listener: this.#node.lvsListener,
    });
  }

  #superviseVrrp(): SupervisedProcess<VrrpSettings, VrrpCommand, VrrpSnapshot, VrrpEvent> {
    return new SupervisedProcess({
      ...this.#supervision('vrrp'),
      snapshot: vrrpSnapshotSchema,
      event: vrrpEventSchema,
      listener: this.#node.vrrpListener,
    });
  }

  /** What supervising either process has in common. */
  #supervision<R extends Role>(role: R) {
    const { runDirectory, log } = this.#options;
    return {
      runDirectory,
      role,
      log,
      command: roleCommand(role, this.#options),
      position: this.#spool.position(role),
      changed: (state: ProcessState) => this.#noteProcess(this.#processes.changed(role, state)),
    };
  }

  #noteProcess(event: ReturnType<Processes['changed']>): void {
    if (event !== undefined) this.#node.note(event);
    this.#changed();
  }

  /** snmp_socket of keepalived.conf is known now, or another than before. */
  #followSnmp(): void {
    const running = this.#snmp;
    const socket = running?.status().agentx?.socket;
    if (running === undefined) this.#startSnmp();
    else if (socket !== undefined && socket !== this.#masterAddress()) {
      this.#snmp = undefined;
      this.#snmpMoves = true;
      running
        .close()
        .catch((error: unknown) => this.#options.log.error({}, `snmp: ${errorText(error)}`))
        .finally(() => {
          this.#snmpMoves = false;
          this.#startSnmp();
        });
    }
  }

  #startSnmp(): void {
    if (this.#snmp !== undefined || this.#snmpMoves || this.#ending) return;
    const { snmp } = this.#agentFile;
    const { log, stateDirectory } = this.#options;
    if (!snmp.enabled && snmp.standalone === undefined && snmp.notifications.receivers.length === 0) return;
    this.#snmp = new SnmpService({
      settings: snmp,
      agentx: snmp.enabled ? this.#masterAddress() : undefined,
      node: { name: this.#name, version: this.#options.version },
      numbers: this.#snmpNumbers.numbers,
      engine: () =>
        bootEngine({
          path: join(stateDirectory, 'snmp-engine.json'),
          write: writeFileAtomically,
          warn: (message) => log.warn({}, message),
        }),
      log,
      onSet: async (changes, actor) => {
        const outcome = await this.#node.commands.setBySnmp(changes.map(overrideChange), actor);
        if (outcome.ok) this.#tellManagers();
        return outcome;
      },
    });
    this.#changed();
  }

  async #startLocalSocket(): Promise<void> {
    try {
      await this.#localSocket.listen();
    } catch (error) {
      this.#options.log.error(
        {},
        `${errorText(error)}; the operator's commands on this node go unanswered, all else goes on`,
      );
    }
  }

  #startMetrics(): void {
    const { metrics } = this.#agentFile;
    if (metrics === undefined) return;
    const { version, log } = this.#options;
    this.#metrics = new MetricsServer({
      listen: metrics.listen,
      text: () =>
        exposition({
          version,
          ...this.#node.heard(),
          gossip: this.#gossip?.snapshot(),
          owners: this.#ownership.routers('carried'),
        }),
      log,
    });
    this.#metrics.start();
  }

  /** agent.yaml goes before snmp_socket of keepalived.conf, where a mistake must not stop the node. */
  #masterAddress(): string {
    const { agentx } = this.#agentFile.snmp;
    const { snmpSocket } = this.#node;
    if (agentx !== undefined || snmpSocket === undefined) return agentx ?? DEFAULT_MASTER;
    if (parseMasterAddress(snmpSocket).ok) return snmpSocket;
    this.#options.log.error(
      {},
      `snmp_socket ${snmpSocket} of keepalived.conf is neither unix:/PATH nor tcp:HOST:PORT; ${DEFAULT_MASTER} is used`,
    );
    return DEFAULT_MASTER;
  }

  async #startGossip(): Promise<void> {
    const options = gossipOptions(this.#agentFile, { ...this.#options, name: this.#name });
    if (options === undefined) return;
    try {
      this.#gossip = await startGossip({ ...options, onEvent: (event) => this.#noteGossip(event) });
      this.#ownership.joined();
      this.#tags = '';
      this.#gossipProblem = undefined;
    } catch (error) {
      // VRRP, IPVS and the report to the controller do not need gossip.
      const problem = errorText(error);
      if (problem !== this.#gossipProblem)
        this.#options.log.error(
          {},
          `${problem}; everything else goes on without gossip, which is tried again every ${GOSSIP_RETRY_MS / 1_000} s`,
        );
      this.#gossipProblem = problem;
      this.#retryGossip();
    }
    if (this.#ending) await this.#gossip?.close();
    this.#changed();
  }

  #retryGossip(): void {
    if (!this.#ending) this.#gossipRetry = setTimeout(() => void this.#startGossip(), GOSSIP_RETRY_MS);
  }

  #noteGossip(event: GossipEvent): void {
    if (event.kind === 'problem') {
      this.#options.log.warn({ problem: event.problem.kind }, describeProblem(event.problem));
      return;
    }
    if (event.kind === 'silenced') {
      this.#gossip = undefined;
      this.#gossipProblem =
        'gossip: another host has the name of this node; see the log, and give one of the two another name';
      this.#retryGossip();
    }
    this.#ownership.gossip(event);
    const text = memberEventText(event);
    if (text !== undefined) this.#node.note(text);
    this.#changed();
  }

  #startUplink(): void {
    const { controller, labels } = this.#agentFile;
    if (controller === undefined || this.#ending) return;
    const { tls } = controller;
    this.#uplink = new Uplink({
      controllers: () => controllersToTry(controller.addresses, this.#gossip?.members() ?? [], tls !== undefined),
      connected: () => this.#changed(),
      credentials: () => (tls === undefined ? credentials.createInsecure() : tlsCredentials(tls)),
      node: this.#name,
      version: this.#options.version,
      labels,
      spool: this.#spool,
      state: () => this.#node.state(),
      carryOut: (command) => this.#node.carryOut(command),
      log: (level, message, details) => this.#options.log[level](details, message),
    });
  }

  #problems(): string[] {
    const snmp = this.#snmp?.status();
    return [
      ...this.#ownership.problems(),
      ...(this.#lastGood.problem === undefined ? [] : [this.#lastGood.problem]),
      ...(this.#reloader.fromLastGood
        ? ['config: the last good configuration is in force, not what the file says']
        : []),
      ...(this.#gossipProblem === undefined ? [] : [this.#gossipProblem]),
      ...this.#mailer.problems,
      ...(snmp?.agentx === undefined || snmp.agentx.state === 'serving'
        ? []
        : [`snmp: no session with snmpd at ${snmp.agentx.socket}`]),
      ...(snmp?.agentx?.refusedSubtrees ?? []).map(
        (subtree) => `snmp: snmpd gives ${subtree} to another sub-agent (keepalived itself?)`,
      ),
      ...(snmp?.standalone?.troubles ?? []),
      ...(this.#metrics?.trouble === undefined ? [] : [this.#metrics.trouble]),
    ];
  }

  #changed(): void {
    this.#gather ??= setTimeout(() => {
      this.#gather = undefined;
      this.#tellTroubles();
      if (this.#gossip !== undefined) {
        this.#node.members = wireMembers(this.#gossip.members());
        this.#tellTags(this.#gossip);
      }
      this.#tellManagers();
      this.#snmpNumbers.keep();
      this.#uplink?.stateChanged();
    }, GATHER_MS);
  }

  #tellManagers(): void {
    const rows = this.#snmp && this.#node.rows(this.#snmp.upTimeZero());
    if (rows !== undefined) this.#snmp?.update(rows);
    this.#toTell.tell(
      (notification) => this.#snmp?.notify(notification),
      (notification) => !this.#snmpMoves && this.#node.knowsRowsOf(notification),
    );
  }

  #tellTags(gossip: Gossip): void {
    // News of a member that leaves would take its departure back.
    if (this.#ending) return;
    const tags = agentTags({
      version: this.#options.version,
      site: this.#agentFile.labels['site'],
      configHash: this.#node.configHash,
      isDrained: this.#node.isDrained,
      controller: this.#uplink?.connectedTo,
    });
    const text = JSON.stringify(tags);
    if (text === this.#tags) return;
    this.#tags = text;
    gossip.setTags(tags);
  }

  #tellTroubles(): void {
    const troubles = this.#node.stateTroubles;
    for (const trouble of troubles) if (!this.#told.has(trouble)) this.#options.log.error({}, trouble);
    this.#told.clear();
    for (const trouble of troubles) this.#told.add(trouble);
  }

  /** Resolves when the node is told to end: `stop` hands over, `leave` ends this process alone. */
  #signals(): Promise<'stop' | 'leave'> {
    this.#endDumps = dumpAtSignals(() => this.#node.dumpSource(), this.#options.log);
    process.on('SIGHUP', () => {
      if (this.#ending) return;
      this.#reload ??= setTimeout(
        () => {
          this.#reload = undefined;
          this.#reloadedAt = performance.now();
          this.#reloadNow();
        },
        Math.max(0, this.#reloadedAt + RELOAD_PAUSE_MS - performance.now()),
      );
    });
    return new Promise((resolve) => {
      let asked = false;
      const stop = () => {
        // Asked once more: no successor is waited for.
        if (asked) this.#vrrp.hurry();
        asked = true;
        resolve('stop');
      };
      process.on('SIGTERM', stop);
      process.on('SIGINT', stop);
      process.once('SIGQUIT', () => resolve('leave'));
    });
  }
}

function overrideChange(change: Change): OverrideChange {
  switch (change.kind) {
    case 'base-priority':
      return { kind: 'vrrp-priority', instance: change.instance, priority: change.value };
    case 'preempt':
      return { kind: 'vrrp-preempt', instance: change.instance, preempt: change.value };
    case 'accept':
      return { kind: 'vrrp-accept', instance: change.instance, accept: change.value };
    case 'promote-secondaries':
      return { kind: 'vrrp-promote-secondaries', instance: change.instance, promoteSecondaries: change.value };
    case 'weight':
      return {
        kind: 'real-server-weight',
        service: change.virtualServer,
        realServer: change.realServer,
        weight: change.value,
      };
  }
}
