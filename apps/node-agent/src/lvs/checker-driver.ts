import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  Checker,
  type CheckerInput,
  type CheckerOutput,
  type CheckerSettings,
  type CheckerStatus,
} from '@keepfleet/health';
import { connectTcp, isLinuxError, monotonicMicros } from '@keepfleet/linux';
import { instant } from '@keepfleet/machine';
import { hex, unhex } from '@keepfleet/wire';

/** setTimeout takes no longer ones; an early call of a machine does nothing, and the timer is set anew. */
const LONGEST_TIMEOUT_MS = 0x7fffffff;

export interface CheckerListener {
  ran(success: boolean, result: string): void;
  verdict(up: boolean, reason: string): void;
}

/** Gives one checker its sockets and its timer. */
export class CheckerDriver {
  readonly settings: CheckerSettings;
  readonly #listener: CheckerListener;
  readonly #machine: Checker;
  #timer: NodeJS.Timeout | undefined;
  #connection: { readonly attempt: number; readonly abort: AbortController; socket: Socket | undefined } | undefined;

  constructor(settings: CheckerSettings, up: boolean, listener: CheckerListener) {
    this.settings = settings;
    this.#listener = listener;
    this.#machine = new Checker(settings, up, { random: Math.random, md5 }, instant(monotonicMicros()));
  }

  get status(): CheckerStatus {
    return this.#machine.status;
  }

  start(): void {
    this.#handle({ kind: 'start' });
  }

  stop(): void {
    this.#handle({ kind: 'stop' });
  }

  #handle(input: CheckerInput): void {
    this.#carryOut(this.#machine.handle(input, instant(monotonicMicros())));
  }

  #carryOut(outputs: readonly CheckerOutput[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'connect':
          void this.#connect(output.attempt);
          break;
        case 'send':
          this.#connection?.socket?.write(unhex(output.hex));
          break;
        case 'close':
          this.#close();
          break;
        case 'ran':
          this.#listener.ran(output.success, output.result);
          break;
        case 'verdict':
          this.#listener.verdict(output.up, output.reason);
          break;
      }
    }
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const deadline = this.#machine.nextDeadline();
    if (deadline === undefined) return;
    const wait = Math.ceil((deadline - monotonicMicros()) / 1_000);
    this.#timer = setTimeout(
      () => this.#carryOut(this.#machine.timeout(instant(monotonicMicros()))),
      Math.min(Math.max(wait, 0), LONGEST_TIMEOUT_MS),
    );
  }

  async #connect(attempt: number): Promise<void> {
    const connection = { attempt, abort: new AbortController(), socket: undefined as Socket | undefined };
    this.#connection = connection;
    const { address, port, bindAddress, bindPort, bindInterface, fwmark } = this.settings.connection;
    let plain: Socket;
    try {
      plain = await connectTcp(
        {
          destination: address,
          port,
          source: bindAddress === null ? undefined : { address: bindAddress, port: bindPort ?? 0 },
          device: bindInterface ?? undefined,
          mark: fwmark ?? undefined,
        },
        connection.abort.signal,
      );
    } catch (error) {
      this.#handle({ kind: 'error', attempt, reason: connectFailure(error) });
      return;
    }
    if (this.#connection !== connection) {
      plain.destroy();
      return;
    }
    const ready = () => this.#handle({ kind: 'connected', attempt });
    const socket =
      this.settings.kind === 'http' && this.settings.tls ? overTls(plain, this.settings.serverName) : plain;
    connection.socket = socket;
    socket.on('data', (bytes: Buffer) => this.#handle({ kind: 'data', attempt, hex: hex(bytes) }));
    socket.on('end', () => this.#handle({ kind: 'closed', attempt }));
    socket.on('error', (error) => this.#handle({ kind: 'error', attempt, reason: connectFailure(error) }));
    socket.on('close', () => this.#handle({ kind: 'closed', attempt }));
    if (socket === plain) ready();
    else socket.once('secureConnect', ready);
  }

  #close(): void {
    this.#connection?.abort.abort();
    this.#connection?.socket?.destroy();
    this.#connection = undefined;
  }
}

function overTls(socket: Socket, serverName: string | null): Socket {
  // keepalived never verifies the certificate of a real server: it is asked by its address, and often has its own authority.
  return connectTls({ socket, rejectUnauthorized: false, ...(serverName === null ? {} : { servername: serverName }) });
}

function md5() {
  const hash = createHash('md5');
  return { update: (bytes: Uint8Array) => void hash.update(bytes), hex: () => hash.digest('hex') };
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  EHOSTUNREACH: 'is unreachable: no host on the way knows it, or it does not answer on its network',
  ENETUNREACH: 'is unreachable: this node has no route to it',
  ETIMEDOUT: 'did not accept a connection',
  EADDRNOTAVAIL: 'cannot be asked from the bindto address: this node does not have it',
};

function connectFailure(error: unknown): string {
  const code = isLinuxError(error) || (error instanceof Error && 'code' in error) ? String(error.code) : '';
  return reasons[code] ?? (error instanceof Error ? `cannot be asked: ${error.message}` : String(error));
}
