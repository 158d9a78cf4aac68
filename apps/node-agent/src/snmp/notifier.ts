import { type Socket, createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import type { SnmpSettings } from '@keepfleet/config';
import { type Instant, earliest, instant, seconds } from '@keepfleet/machine';
import {
  type MasterKeys,
  NotificationSender,
  type OwnEngine,
  type SenderCounters,
  type TimedNotification,
} from '@keepfleet/mib';
import { errorText } from '../error-text.ts';
import type { SnmpLog } from './agentx.ts';
import { snmpCrypto } from './crypto.ts';

type Receiver = SnmpSettings['notifications']['receivers'][number];

export interface NotifierOptions {
  readonly receivers: readonly Receiver[];
  readonly keysOf: (user: string) => MasterKeys | undefined;
  readonly engine: OwnEngine;
  readonly salt: () => Uint8Array;
  readonly log: SnmpLog;
}

export interface ReceiverStatus extends SenderCounters {
  readonly address: string;
  readonly queued: number;
}

interface Line {
  readonly name: string;
  readonly receiver: Receiver;
  readonly sender: NotificationSender;
  readonly socket: Socket;
  complaint: string;
}

/** Sends notifications to the receivers of agent.yaml, from a port of its own for each. */
export class Notifier {
  readonly #lines: readonly Line[];
  readonly #log: SnmpLog;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NotifierOptions) {
    this.#log = options.log;
    this.#lines = options.receivers.flatMap((receiver) => {
      const security = securityOf(receiver, options);
      if (security === undefined) return [];
      const { address, port } = receiver.address;
      const sender = new NotificationSender(
        { security, inform: receiver.inform, timeout: seconds(receiver.timeout) },
        options.engine,
        snmpCrypto,
        options.salt,
        Math.floor(Math.random() * 0x7fffffff),
      );
      const name = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
      const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
      const line: Line = { name, receiver, sender, socket, complaint: '' };
      socket.on('message', (bytes, peer) => {
        // Anybody can send to an open port; only who was asked is heard.
        if (peer.port === port) this.#send(line, sender.receive(bytes, now()));
      });
      socket.on('error', (error) => this.#complain(line, error));
      socket.unref();
      return [line];
    });
  }

  notify(notification: TimedNotification): void {
    for (const line of this.#lines) this.#send(line, line.sender.notify(notification, now()));
  }

  status(): ReceiverStatus[] {
    return this.#lines.map(({ name, sender }) => ({ address: name, queued: sender.queued, ...sender.counters }));
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all(this.#lines.map(({ socket }) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  }

  #send(line: Line, datagrams: readonly Uint8Array[]): void {
    const { address, port } = line.receiver.address;
    for (const bytes of datagrams) {
      line.socket.send(bytes, port, address, (error) => {
        if (error === null) line.complaint = '';
        else this.#complain(line, error);
      });
    }
    this.#arm();
  }

  #complain(line: Line, error: Error): void {
    const text = errorText(error);
    if (text === line.complaint) return;
    line.complaint = text;
    this.#log.warn({ receiver: line.name }, `SNMP notifications for ${line.name} cannot be sent: ${text}`);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const deadline = earliest(...this.#lines.map(({ sender }) => sender.nextDeadline()));
    if (deadline === undefined) return;
    const wait = Math.max(Math.ceil((deadline - now()) / 1000), 0);
    this.#timer = setTimeout(() => {
      for (const line of this.#lines) this.#send(line, line.sender.timeout(now()));
    }, wait);
    this.#timer.unref();
  }
}

function securityOf(receiver: Receiver, { keysOf }: NotifierOptions) {
  if (receiver.community !== undefined) {
    return { version: 'v2c', community: Buffer.from(receiver.community, 'utf8') } as const;
  }
  const keys = receiver.user === undefined ? undefined : keysOf(receiver.user);
  return keys === undefined ? undefined : ({ version: 'v3', user: receiver.user ?? '', keys } as const);
}

function now(): Instant {
  return instant(performance.now() * 1000);
}
