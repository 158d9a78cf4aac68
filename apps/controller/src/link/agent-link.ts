import { Inject, Injectable } from '@nestjs/common';
import { status, type ServerDuplexStream } from '@grpc/grpc-js';
import { type agent, model } from '@keepfleet/rpc';
import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import { CLOCK, LOG, OPTIONS } from '../common/tokens.ts';
import { duration } from '../common/words.ts';
import { EventLog, type OwnEvent } from '../events/event-log.ts';
import { FleetState } from '../fleet/fleet-state.ts';
import {
  deltaRecord,
  disconnectedRecord,
  fullStateRecord,
  gapRecord,
  heardRecord,
  heartbeatRecord,
  helloRecord,
  isSilent,
  MISSED_HEARTBEATS,
  statisticsRecord,
} from '../fleet/node-record.ts';
import { NodeRepository } from '../fleet/node.repository.ts';
import type { Options } from '../options.ts';
import { CommandDesk } from './command-desk.ts';
import { readHello, readMessage } from './intake.ts';

type Call = ServerDuplexStream<agent.AgentMessage, agent.ControllerMessage>;

const HELLO_TIMEOUT_MS = 10_000;
/** A controller that crashes knows of nodes that are gone when it comes back when they were last heard, but for this. */
const KEEP_HEARD_EVERY_MS = 60_000;
const LAST_HEARD = 'when nodes were last heard';

/** One open stream of one node. */
interface Session {
  readonly id: number;
  readonly node: string;
  readonly epoch: string;
  readonly call: Call;
  readonly send: (command: agent.Command) => void;
  /** The sequence that the next event should have. */
  expected: number;
  /** Why this side ended it. */
  ended: string | undefined;
}

/** The agents' end of the controller: who may speak, what they said, and that it is kept before it is acknowledged. */
@Injectable()
export class AgentLink {
  readonly #state: FleetState;
  readonly #nodes: NodeRepository;
  readonly #events: EventLog;
  readonly #desk: CommandDesk;
  readonly #clock: Clock;
  readonly #options: Options;
  readonly #log: Logger;
  readonly #sessions = new Map<string, Session>();
  /** Every open stream, also those whose Hello has not come. */
  readonly #serving = new Map<Call, Promise<void>>();
  #lastId = 0;
  #watch: NodeJS.Timeout | undefined;
  #lastLook = 0;
  #heardKept = 0;
  #closing = false;
  #rejected = 0;

  constructor(
    @Inject(FleetState) state: FleetState,
    @Inject(NodeRepository) nodes: NodeRepository,
    @Inject(EventLog) events: EventLog,
    @Inject(CommandDesk) desk: CommandDesk,
    @Inject(CLOCK) clock: Clock,
    @Inject(OPTIONS) options: Options,
    @Inject(LOG) log: Logger,
  ) {
    this.#state = state;
    this.#nodes = nodes;
    this.#events = events;
    this.#desk = desk;
    this.#clock = clock;
    this.#options = options;
    this.#log = log;
  }

  get connected(): number {
    return this.#sessions.size;
  }

  get rejected(): number {
    return this.#rejected;
  }

  start(): void {
    const period = this.#options.heartbeatMs / 2;
    this.#lastLook = performance.now();
    this.#watch = setInterval(() => this.#dropSilent(period), period);
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#watch);
    for (const call of this.#serving.keys()) endWith(call, status.UNAVAILABLE, 'the controller stops');
    await Promise.all(this.#serving.values());
  }

  /** Serves one stream to its end; whatever comes in on it, it never throws. */
  readonly connect = (call: Call): void => {
    call.on('error', (error) => this.#log.debug({ peer: call.getPeer(), error: error.message }, 'agent stream error'));
    if (this.#closing) return endWith(call, status.UNAVAILABLE, 'the controller stops');
    this.#serving.set(
      call,
      this.#serve(call).finally(() => this.#serving.delete(call)),
    );
  };

  async #serve(call: Call): Promise<void> {
    const helloTimer = setTimeout(() => this.#reject(call, 'no Hello in time'), HELLO_TIMEOUT_MS);
    const messages: AsyncIterator<agent.AgentMessage> = call.iterator({ destroyOnReturn: false });
    let session: Session | undefined;
    let ending: string | undefined;
    try {
      const first = await received(messages);
      clearTimeout(helloTimer);
      // A Hello that comes after the time for it has been rejected already.
      if (first === undefined || this.#closing || call.writableEnded) return;
      session = await this.#welcome(call, first);
      while (session !== undefined && ending === undefined) {
        const message = await received(messages);
        if (message === undefined) break;
        ending = await this.#receive(session, message);
        if (ending !== undefined) this.#reject(call, ending, session.node);
      }
    } catch (error) {
      // A full disk must not look like an acknowledged event: the agent keeps it and comes again.
      ending = `the controller failed: ${error instanceof Error ? error.message : String(error)}`;
      this.#log.error(
        { node: session?.node, error },
        'agent link: stream ended by an error here; the agent will come again',
      );
      endWith(call, status.INTERNAL, ending);
    } finally {
      clearTimeout(helloTimer);
      if (!call.destroyed && !call.writableEnded) call.end();
      if (session !== undefined) await this.#ended(session, session.ended ?? ending ?? 'closed by the agent, or cut');
    }
  }

  async #welcome(call: Call, message: agent.AgentMessage): Promise<Session | undefined> {
    const hello = readHello(message);
    if (!hello.ok) return this.#reject(call, hello.error);
    const { node, epoch } = hello.value;
    const certificate = this.#options.agentTls === undefined ? node : commonName(call);
    if (certificate !== node) {
      return this.#reject(call, `the certificate is for "${certificate}", so it cannot speak for "${node}"`, node);
    }
    const acknowledged = await this.#events.through(node, epoch);
    const at = this.#clock.now();
    const before = this.#state.record(node);
    const replaced = this.#sessions.get(node);
    this.#lastId += 1;
    const session: Session = {
      id: this.#lastId,
      node,
      epoch,
      call,
      send: (command) => call.write({ body: { $case: 'command', value: this.#byItsClock(node, command) } }),
      expected: acknowledged + 1,
      ended: undefined,
    };
    this.#sessions.set(node, session);
    const { heartbeatMs } = this.#options;
    const stream = { id: session.id, heartbeatMs, remoteAddress: call.getPeer(), at };
    const record = helloRecord(before, hello.value, stream);
    this.#state.put(record);
    await this.#kept('a node that connected', () =>
      this.#nodes.save({
        name: node,
        labels: JSON.stringify(record.labels),
        version: record.version,
        epoch,
        started_at: record.startedAt?.getTime() ?? null,
        remote_address: record.remoteAddress,
        last_heard_at: at.getTime(),
      }),
    );
    await this.#noteArrival(session, replaced, before?.epoch);
    call.write({
      body: {
        $case: 'welcome',
        value: {
          controller: this.#options.name,
          acknowledged: BigInt(acknowledged),
          heartbeatIntervalMs: heartbeatMs,
        },
      },
    });
    if (this.#sessions.get(node) === session) this.#desk.nodeConnected(node, session.send);
    return session;
  }

  /** The node holds a deadline against its own clock, which may be wrong by more than the deadline is away. */
  #byItsClock(node: string, command: agent.Command): agent.Command {
    const { deadline } = command;
    if (deadline === undefined) return command;
    const skewMs = this.#state.record(node)?.skewMs ?? 0;
    return { ...command, deadline: new Date(deadline.getTime() + skewMs) };
  }

  async #noteArrival(session: Session, replaced: Session | undefined, lastEpoch: string | undefined): Promise<void> {
    const { node } = session;
    const peer = session.call.getPeer();
    if (replaced !== undefined) {
      this.#log.warn(
        { node, peer, replaced: replaced.call.getPeer() },
        'agent link: a new stream replaces the open one',
      );
      this.#desk.nodeDisconnected(node, replaced.send);
      replaced.ended = 'replaced by a newer stream';
      endWith(replaced.call, status.ABORTED, replaced.ended);
    }
    this.#log.info({ node, peer, acknowledged: session.expected - 1 }, 'agent link: connected');
    await this.#note({
      node,
      severity: model.Severity.INFO,
      kind: 'link.connected',
      subject: node,
      message: `${node} connected from ${peer}`,
    });
    if (lastEpoch !== undefined && lastEpoch !== session.epoch) {
      await this.#note({
        node,
        severity: model.Severity.WARNING,
        kind: 'events.epoch',
        subject: node,
        message: `${node} began a new event spool; what it had not delivered of the old one is lost`,
        attributes: { before: lastEpoch, now: session.epoch },
      });
    }
  }

  /** Takes one message in; gives the reason if the stream cannot go on. */
  async #receive(session: Session, message: agent.AgentMessage): Promise<string | undefined> {
    const at = this.#clock.now();
    this.#state.update(session.node, session.id, (record) => heardRecord(record, at));
    const read = readMessage(message);
    if (!read.ok) return read.error;
    const body = read.value;
    switch (body.$case) {
      case 'hello':
        return 'a second Hello';
      case 'fullState':
        this.#state.update(session.node, session.id, (record) => fullStateRecord(record, body.value, at));
        return undefined;
      case 'delta':
        this.#state.update(session.node, session.id, (record) => deltaRecord(record, body.value, at));
        return undefined;
      case 'statistics':
        this.#state.update(session.node, session.id, (record) => statisticsRecord(record, body.value, at));
        return undefined;
      case 'heartbeat':
        this.#state.update(session.node, session.id, (record) => heartbeatRecord(record, body.value, at));
        return undefined;
      case 'events':
        return this.#store(session, body.value.events);
      case 'result':
        this.#desk.settle(session.node, body.value);
        return undefined;
    }
  }

  async #store(session: Session, events: readonly model.Event[]): Promise<undefined> {
    for (const event of events) {
      const sequence = Number(event.sequence);
      if (sequence > session.expected) await this.#noteGap(session, session.expected, sequence - 1);
      session.expected = Math.max(session.expected, sequence + 1);
    }
    await this.#events.store(session.node, session.epoch, events);
    session.call.write({
      body: { $case: 'acknowledgement', value: { through: BigInt(session.expected - 1) } },
    });
    return undefined;
  }

  async #noteGap(session: Session, from: number, to: number): Promise<void> {
    const { node } = session;
    const which = from === to ? `event ${from}` : `events ${from} to ${to}`;
    const message = `${which} of ${node} never came: lost on the node, or acknowledged to another store`;
    this.#log.warn({ node, from, to }, `agent link: ${message}`);
    this.#state.update(node, session.id, (record) => gapRecord(record, message));
    await this.#note({
      node,
      severity: model.Severity.WARNING,
      kind: 'events.gap',
      subject: node,
      message,
      attributes: { epoch: session.epoch, from: String(from), to: String(to) },
    });
  }

  /** Tells why and ends the stream. */
  #reject(call: Call, reason: string, node?: string): undefined {
    this.#rejected += 1;
    this.#log.warn({ node, peer: call.getPeer() }, `agent link: rejected: ${reason}`);
    if (!call.writableEnded) {
      call.write({ body: { $case: 'reject', value: { reason } } });
      call.end();
    }
  }

  async #ended(session: Session, reason: string): Promise<void> {
    const { node } = session;
    this.#desk.nodeDisconnected(node, session.send);
    if (this.#sessions.get(node) !== session) return;
    this.#sessions.delete(node);
    const record = this.#state.record(node);
    this.#state.update(node, session.id, disconnectedRecord);
    if (record !== undefined) await this.#kept(LAST_HEARD, () => this.#nodes.heard([record]));
    if (this.#closing) return;
    this.#log.warn({ node, reason }, 'agent link: stream ended');
    await this.#note({
      node,
      severity: model.Severity.WARNING,
      kind: 'link.lost',
      subject: node,
      message: `the stream of ${node} ended: ${reason}`,
    });
  }

  #note(event: OwnEvent): Promise<void> {
    return this.#kept(event.kind, () => this.#events.write(event));
  }

  /** With a full disk the fleet is still shown; only agents' events must not go on without the store. */
  async #kept(what: string, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#log.error({ error }, `store: ${what} could not be written down`);
    }
  }

  #dropSilent(period: number): void {
    const look = performance.now();
    const passed = look - this.#lastLook;
    this.#lastLook = look;
    const now = this.#clock.now();
    // This process slept: what agents sent meanwhile still waits to be read, so their silence is not known yet.
    if (passed > 2 * period) return;
    for (const session of this.#sessions.values()) {
      const record = this.#state.record(session.node);
      if (record?.stream?.id !== session.id || !isSilent(record, now)) continue;
      const silent = duration(now.getTime() - record.lastHeardAt.getTime());
      session.ended = `silent for ${silent}, which is more than ${MISSED_HEARTBEATS} heartbeats`;
      endWith(session.call, status.DEADLINE_EXCEEDED, session.ended);
    }
    if (look - this.#heardKept > KEEP_HEARD_EVERY_MS) {
      this.#heardKept = look;
      const heard = this.#state.records().filter(({ stream }) => stream !== undefined);
      void this.#kept(LAST_HEARD, () => this.#nodes.heard(heard));
    }
    // Freshness falls with time alone; whoever waits for it looks again.
    this.#state.changes.raise();
  }
}

/** The next message, or undefined when the stream is over; that it was cut is no error here. */
async function received(messages: AsyncIterator<agent.AgentMessage>): Promise<agent.AgentMessage | undefined> {
  const next = await messages.next().catch(() => undefined);
  return next === undefined || next.done === true ? undefined : next.value;
}

/** Ends both directions of a stream with a status; grpc-js takes it from the error event. */
function endWith(call: Call, code: status, details: string): void {
  if (!call.destroyed) call.emit('error', Object.assign(new Error(details), { code, details }));
}

/** The common name of the client's certificate, which the TLS layer has verified. */
function commonName(call: Call): string | undefined {
  const name: unknown = call.getAuthContext().sslPeerCertificate?.subject?.CN;
  return typeof name === 'string' ? name : undefined;
}
