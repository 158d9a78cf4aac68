import { hostname, userInfo } from 'node:os';
import type { GlobalDefs } from '@keepfleet/config';
import { createTransport } from 'nodemailer';
import { errorText } from '../error-text.ts';
import type { Log } from '../log.ts';
import type { Alert } from './alert.ts';

/** Mails that wait; of more, the oldest are given up. Each costs less than 1 KiB. */
export const MOST_WAITING = 16_384;
/** Attempts to hand over one mail, and the wait before the second; each further one doubles it. */
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 5_000;
/**
 * Of one hand-over, in times smtp_connect_timeout, which is for the connection and for each silence of the server; each of the
 * receivers, which the server may look up, has one more.
 */
const LONGEST_HAND_OVER = 3;

type Connection = ReturnType<typeof connect>;

interface Waiting {
  readonly alert: Alert;
  readonly date: Date;
}

/**
 * Hands alerts to the mail server, one after the other and never waited for. What cannot be handed over is tried again
 * and then given up; that is told in the log and as a problem of the node.
 */
export class Mailer {
  readonly #log: Log;
  readonly #pause: number;
  #settings: GlobalDefs | undefined;
  #queue: Waiting[] = [];
  #busy = false;
  #lost = 0;
  #failure: string | undefined;
  /** Why the last one was given up. */
  #lastLoss = '';
  /** The queue is too long since the last hand-over. */
  #overflows = false;
  /** Goes on for as long as mails wait. */
  #connection: { readonly to: Connection; readonly settings: GlobalDefs } | undefined;
  #working: Promise<void> = Promise.resolve();
  /** Ends the pause before the next attempt. */
  #wake: (() => void) | undefined;
  /** The node ends. */
  #hurries = false;
  #closed = false;

  constructor(log: Log, firstPauseMs = FIRST_PAUSE_MS) {
    this.#log = log;
    this.#pause = firstPauseMs;
  }

  /** What stands in the way of mails; empty when nothing does. */
  get problems(): readonly string[] {
    if (this.#failure !== undefined) return [`mail: ${this.#failure}`];
    return this.#lost === 0 ? [] : [`mail: ${this.#lost} given up since the start; the last because ${this.#lastLoss}`];
  }

  /** Mails given up since the start, or since mails were configured. */
  get lost(): number {
    return this.#lost;
  }

  configure(settings: GlobalDefs): void {
    this.#settings = settings;
    if (settings.smtpServer === undefined || settings.notificationEmail.length === 0) {
      this.#queue = [];
      this.#failure = undefined;
      this.#lost = 0;
    }
  }

  send(alert: Alert): void {
    const { smtpServer, notificationEmail = [] } = this.#settings ?? {};
    if (smtpServer === undefined || notificationEmail.length === 0) return;
    this.#queue.push({ alert, date: new Date() });
    if (this.#queue.length > MOST_WAITING) {
      this.#queue.shift();
      this.#overflow();
    }
    if (!this.#busy) this.#working = this.#work();
  }

  /** Resolves when no mail waits any more, or after so long; what cannot be handed over now is not tried again. */
  async drained(milliseconds: number): Promise<void> {
    this.#hurries = true;
    this.#wake?.();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)));
    await Promise.race([this.#working, late]);
    clearTimeout(timer);
  }

  close(): void {
    this.#closed = true;
    this.#disconnect();
    this.#wake?.();
    this.#queue = [];
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let next = this.#queue[0]; next !== undefined && !this.#closed; next = this.#queue[0]) {
      const reason = await this.#deliver(next);
      if (reason === undefined) {
        this.#failure = undefined;
        this.#overflows = false;
      } else if (!this.#closed) this.#giveUp(reason);
      // The oldest may have been given up meanwhile.
      if (this.#queue[0] === next) this.#queue.shift();
    }
    this.#disconnect();
    this.#busy = false;
  }

  /** Undefined once it is handed over, else why it is not. */
  async #deliver(mail: Waiting): Promise<string | undefined> {
    let reason: string | undefined;
    for (let attempt = 0; attempt < ATTEMPTS && !this.#closed; attempt++) {
      if (attempt > 0) await this.#wait(this.#pause * 2 ** (attempt - 1));
      if (attempt > 0 && this.#hurries) break;
      try {
        await this.#handOver(mail);
        return undefined;
      } catch (error) {
        reason = errorText(error);
        // RFC 5321 section 4.2.1: a reply of 500 to 599 is the same the next time.
        if (isPermanent(error)) break;
        this.#failure = this.#cannot(reason);
      }
    }
    return reason;
  }

  async #handOver({ alert, date }: Waiting): Promise<void> {
    const settings = this.#settings;
    if (settings?.smtpServer === undefined) return;
    if (this.#connection?.settings !== settings) this.#disconnect();
    this.#connection ??= { to: connect(settings, settings.smtpServer), settings };
    const limit = ((LONGEST_HAND_OVER + settings.notificationEmail.length) * settings.smtpConnectTimeout) / 1_000;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the mail server has not taken it within ${limit / 1_000} s`)), limit);
    });
    try {
      const handedOver = this.#connection.to.sendMail({
        from: settings.notificationEmailFrom ?? `${userInfo().username}@${hostname()}`,
        to: [...settings.notificationEmail],
        subject: alert.subject,
        text: alert.text,
        date,
        headers: { 'X-Mailer': 'Keepalived' },
      });
      await Promise.race([handedOver, late]);
    } catch (error) {
      this.#disconnect();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #disconnect(): void {
    // Also while a mail is on its way: nobody waits for it any more.
    this.#connection?.to.transporter.close?.({ force: true });
    this.#connection = undefined;
  }

  #wait(milliseconds: number): Promise<void> {
    if (this.#hurries) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #giveUp(reason: string): void {
    this.#lost++;
    this.#lastLoss = reason;
    this.#failure = this.#cannot(reason);
    this.#log.error({ lost: this.#lost, reason }, this.#failure);
  }

  /** Says nothing of the server, which may be well. One line tells of all until mails go again. */
  #overflow(): void {
    this.#lost++;
    this.#lastLoss = `${MOST_WAITING} waited already`;
    if (this.#overflows) return;
    this.#overflows = true;
    this.#log.error(
      { lost: this.#lost },
      `${MOST_WAITING} mails wait for the mail server; of more, the oldest are given up`,
    );
  }

  #cannot(reason: string): string {
    const { host, port } = this.#settings?.smtpServer ?? { host: '?', port: 0 };
    return `a mail could not be handed to ${host} port ${port}: ${reason}; ${this.#lost} given up since the start. Is the mail server there, does it take mails from this node, are smtp_tls, smtp_user and smtp_password right?`;
  }
}

/** One connection for one mail after the other. */
function connect(settings: GlobalDefs, { host, port }: NonNullable<GlobalDefs['smtpServer']>) {
  const { smtpConnectTimeout, smtpTls, smtpTlsVerify, smtpUser, smtpPassword, smtpHeloName } = settings;
  const milliseconds = smtpConnectTimeout / 1_000;
  return createTransport({
    pool: true,
    maxConnections: 1,
    maxMessages: Infinity,
    // One that ended while nothing was sent costs a mail no attempt of ours.
    maxRequeues: 1,
    host,
    port,
    name: smtpHeloName ?? hostname(),
    secure: smtpTls === 'implicit',
    requireTLS: smtpTls === 'starttls',
    ignoreTLS: smtpTls === 'off',
    tls: { rejectUnauthorized: smtpTlsVerify },
    connectionTimeout: milliseconds,
    greetingTimeout: milliseconds,
    socketTimeout: milliseconds,
    ...(smtpUser === undefined ? {} : { auth: { user: smtpUser, pass: smtpPassword ?? '' } }),
  });
}

function isPermanent(error: unknown): boolean {
  return (
    error instanceof Error &&
    'responseCode' in error &&
    typeof error.responseCode === 'number' &&
    error.responseCode >= 500
  );
}
