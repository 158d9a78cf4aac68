import type { ChannelCredentials, ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { agent, model } from '@keepfleet/rpc';
import type { EventSpool, NodeEvent } from '../control/spool.ts';
import { stateDelta, statisticsSample } from './delta.ts';

/** Unacknowledged events on the stream at most; further ones wait in the spool. */
const EVENT_WINDOW = 1_000;
const EVENT_BATCH = 250;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_LAST_MS = 10_000;
/** A stream that lasted so long was a good one: the next attempt after it comes soon. */
const STEADY_AFTER_MS = 30_000;
/** What a controller may ask for. */
const HEARTBEAT_MIN_MS = 100;
const HEARTBEAT_MAX_MS = 60_000;
/** Of what a controller says, so much goes into the log. */
const REASON_LENGTH = 300;
/** Time for a controller to answer Hello with Welcome. */
const WELCOME_TIMEOUT_MS = 10_000;
/** Deltas are coalesced over this time, so that a burst of changes is one message. */
const DELTA_DELAY_MS = 50;
const STATISTICS_INTERVAL_MS = 2_000;
const CHANNEL_OPTIONS = {
  // Notices a controller that vanished without a word (host gone, network cut).
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  'grpc.enable_retries': 0,
};

export interface UplinkOptions {
  /** "host:port" of each controller, tried in turn; asked at each attempt. */
  readonly controllers: () => readonly string[];
  /** Another controller is reported to. */
  readonly connected: () => void;
  /** Called for each attempt, so that files that were mended or renewed count without a restart. What it throws is why there is no controller. */
  readonly credentials: () => ChannelCredentials;
  readonly node: string;
  readonly version: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spool: EventSpool;
  /** The state as it is now; never cached here. */
  readonly state: () => model.NodeState;
  readonly carryOut: (command: agent.Command) => Promise<agent.CommandResult>;
  readonly log: (level: 'info' | 'warn', message: string, details: Record<string, unknown>) => void;
}

type Stream = ClientDuplexStream<agent.AgentMessage, agent.ControllerMessage>;

/** One stream to one controller at a time. Nothing on the node waits for it: without a controller the spool grows, and that is all. */
export class Uplink {
  readonly #options: UplinkOptions;
  readonly #startedAt = new Date();
  #client: agent.AgentLinkClient | undefined;
  #stream: Stream | undefined;
  #welcomed = false;
  #dialled = '';
  #connectedTo: string | undefined;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;
  #timers: NodeJS.Timeout[] = [];
  #deltaTimer: NodeJS.Timeout | undefined;
  #sentState: model.NodeState | undefined;
  #sentEvents = 0;
  #stopSpool: (() => void) | undefined;
  #closed = false;
  #lastError = '';

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#stopSpool = options.spool.onAppend(() => this.#sendEvents());
    this.#connect();
  }

  /** Why there is no stream, in words; empty while there is one. */
  get lastError(): string {
    return this.#lastError;
  }

  /** "host:port" of the controller that has welcomed us. */
  get connectedTo(): string | undefined {
    return this.#connectedTo;
  }

  /** Says that the state may have changed; what changed is sent soon. */
  stateChanged(): void {
    if (!this.#welcomed || this.#deltaTimer !== undefined) return;
    this.#deltaTimer = setTimeout(() => {
      this.#deltaTimer = undefined;
      if (!this.#isBusy()) this.#sendDelta();
    }, DELTA_DELAY_MS);
  }

  close(): void {
    this.#closed = true;
    this.#stopSpool?.();
    if (this.#retry !== undefined) clearTimeout(this.#retry);
    this.#disconnect();
  }

  #connect(): void {
    if (this.#closed) return;
    const controllers = this.#options.controllers();
    const address = controllers[this.#attempt % controllers.length];
    if (address === undefined) return;
    this.#dialled = address;
    let client: agent.AgentLinkClient;
    try {
      client = new agent.AgentLinkClient(address, this.#options.credentials(), CHANNEL_OPTIONS);
    } catch (error) {
      this.#tryLater(error instanceof Error ? error.message : String(error));
      return;
    }
    const stream = client.connect();
    this.#client = client;
    this.#stream = stream;
    this.#timers.push(
      setTimeout(() => this.#lose(stream, `no Welcome within ${WELCOME_TIMEOUT_MS / 1000} s`), WELCOME_TIMEOUT_MS),
    );
    stream.on('data', (message) => this.#receive(stream, address, message));
    stream.on('error', (error: ServiceError) => this.#lose(stream, error.details || error.message));
    stream.on('drain', () => this.stateChanged());
    stream.on('end', () => this.#lose(stream, 'the controller ended the stream'));
    const { node, version, labels, spool } = this.#options;
    this.#send({
      $case: 'hello',
      value: { node, version, labels: { ...labels }, epoch: spool.epoch, startedAt: this.#startedAt, now: new Date() },
    });
  }

  #receive(stream: Stream, address: string, message: agent.ControllerMessage): void {
    if (stream !== this.#stream || message.body === undefined) return;
    switch (message.body.$case) {
      case 'welcome':
        return this.#begin(stream, address, message.body.value);
      case 'acknowledgement':
        this.#options.spool.acknowledge(Number(message.body.value.through));
        return this.#sendEvents();
      case 'command':
        return void this.#carryOut(stream, message.body.value);
      case 'reject':
        return this.#lose(stream, `rejected: ${message.body.value.reason}`);
    }
  }

  #begin(stream: Stream, address: string, welcome: agent.Welcome): void {
    if (this.#welcomed) return;
    const { spool } = this.#options;
    if (Number(welcome.acknowledged) > spool.last) {
      const { last } = spool;
      spool.beginAnew();
      this.#lose(
        stream,
        `it has event ${welcome.acknowledged} of this node, whose last one is ${last}: the state directory is older than what was reported; events are numbered anew`,
      );
      return;
    }
    this.#clearTimers();
    this.#welcomed = true;
    this.#connectedTo = address;
    this.#lastError = '';
    this.#options.log('info', `uplink: reporting to controller ${welcome.controller} at ${address}`, {
      acknowledged: Number(welcome.acknowledged),
    });
    this.#options.spool.acknowledge(Number(welcome.acknowledged));
    this.#sentEvents = this.#options.spool.acknowledged;
    this.#options.connected();
    this.#sendFullState();
    this.#sendEvents();
    const heartbeat = Math.min(Math.max(HEARTBEAT_MIN_MS, welcome.heartbeatIntervalMs), HEARTBEAT_MAX_MS);
    this.#timers.push(
      setTimeout(() => (this.#attempt = 0), STEADY_AFTER_MS),
      setInterval(() => this.#sendHeartbeat(), heartbeat),
      setInterval(() => this.#sendStatistics(), STATISTICS_INTERVAL_MS),
    );
  }

  #sendHeartbeat(): void {
    if (!this.#isBusy()) this.#send({ $case: 'heartbeat', value: { now: new Date() } });
  }

  #sendFullState(): void {
    const state = this.#options.state();
    this.#sentState = state;
    this.#send({ $case: 'fullState', value: { observedAt: new Date(), state } });
  }

  #sendDelta(): void {
    if (!this.#welcomed || this.#sentState === undefined) return;
    const state = this.#options.state();
    const delta = stateDelta(this.#sentState, state, new Date());
    this.#sentState = state;
    if (delta !== undefined) this.#send({ $case: 'delta', value: delta });
  }

  /** A controller that does not read must cost no memory; what it missed is in the next delta. */
  #isBusy(): boolean {
    return this.#stream?.writableNeedDrain === true;
  }

  #sendStatistics(): void {
    if (this.#isBusy()) return;
    this.#sendDelta();
    this.#send({ $case: 'statistics', value: statisticsSample(this.#options.state(), new Date()) });
  }

  #sendEvents(): void {
    if (!this.#welcomed) return;
    const { spool } = this.#options;
    for (;;) {
      const room = EVENT_WINDOW - (this.#sentEvents - spool.acknowledged);
      const batch = room <= 0 ? [] : spool.after(this.#sentEvents, Math.min(room, EVENT_BATCH));
      const last = batch.at(-1);
      if (last === undefined) return;
      this.#sentEvents = last.sequence;
      this.#send({ $case: 'events', value: { events: batch.map(toWire) } });
    }
  }

  async #carryOut(stream: Stream, command: agent.Command): Promise<void> {
    const result = await this.#options.carryOut(command);
    // The state that the command made goes first: a controller that sees the result sees its effect.
    if (stream === this.#stream) {
      this.#sendDelta();
      this.#send({ $case: 'result', value: result });
    }
  }

  #send(body: agent.AgentMessage['body']): void {
    this.#stream?.write({ body });
  }

  #lose(stream: Stream, reason: string): void {
    if (stream !== this.#stream) return;
    this.#tryLater(reason);
  }

  #tryLater(whole: string): void {
    const reason = whole.length > REASON_LENGTH ? `${whole.slice(0, REASON_LENGTH)}...` : whole;
    const where = this.#connectedTo ?? this.#dialled;
    if (reason !== this.#lastError) {
      this.#options.log(
        'warn',
        `uplink: no controller at ${where}: ${reason}; the node works on, events wait in the spool`,
        {
          pending: this.#options.spool.last - this.#options.spool.acknowledged,
        },
      );
    }
    this.#lastError = reason;
    this.#disconnect();
    if (this.#closed) return;
    const ceiling = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#attempt, 10));
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#connect(), ceiling * (0.5 + Math.random() / 2));
  }

  #disconnect(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#welcomed = false;
    this.#connectedTo = undefined;
    this.#clearTimers();
    // Cancelling answers with one more error event, which has nobody to tell.
    stream?.on('error', () => undefined);
    stream?.cancel();
    this.#client?.close();
    this.#client = undefined;
  }

  #clearTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    if (this.#deltaTimer !== undefined) clearTimeout(this.#deltaTimer);
    this.#deltaTimer = undefined;
  }
}

const SEVERITIES = { info: model.Severity.INFO, warning: model.Severity.WARNING, error: model.Severity.ERROR } as const;

function toWire(event: NodeEvent): model.Event {
  return {
    sequence: BigInt(event.sequence),
    at: new Date(event.at),
    severity: SEVERITIES[event.severity],
    kind: event.kind,
    subject: event.subject,
    message: event.message,
    attributes: event.attributes,
  };
}
