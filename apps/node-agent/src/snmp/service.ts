import { randomBytes } from 'node:crypto';
import type { SnmpSettings } from '@keepfleet/config';
import { type Instant, instant, micros, toSeconds } from '@keepfleet/machine';
import {
  type CipherName,
  type Change,
  type HashName,
  MasterKeys,
  type MibRows,
  MibView,
  type Notification,
  NotificationPacer,
  type RowNumbers,
  Salts,
  type TimedNotification,
  allTables,
  notificationVarBinds,
} from '@keepfleet/mib';
import { type AgentX, type AgentXStatus, type SetOutcome, type SnmpLog, startAgentX } from './agentx.ts';
import { snmpCrypto } from './crypto.ts';
import type { SnmpEngine } from './engine-file.ts';
import { Notifier, type ReceiverStatus } from './notifier.ts';
import { StandaloneAgent, type StandaloneStatus } from './standalone.ts';

/** Notifications that wait for their turn in a storm; of more the oldest are given up. */
const MAX_WAITING = 1000;

export interface SnmpServiceOptions {
  readonly settings: SnmpSettings;
  /** Of the master agent; undefined to be no sub-agent. */
  readonly agentx: string | undefined;
  readonly node: { readonly name: string; readonly version: string };
  readonly numbers: RowNumbers;
  /** Called only where version 3 is wanted. */
  readonly engine: () => SnmpEngine;
  /** Makes all the changes or none. */
  readonly onSet: (changes: readonly Change[], actor: string) => Promise<SetOutcome>;
  readonly log: SnmpLog;
}

export interface SnmpStatus {
  readonly agentx: AgentXStatus | undefined;
  readonly standalone: StandaloneStatus | undefined;
  readonly receivers: readonly ReceiverStatus[];
  readonly notifications: { readonly sent: number; readonly waiting: number; readonly dropped: number };
}

/** SNMP of a node: one view of the MIBs, asked through snmpd, directly, or both, and notifications by either way. */
export class SnmpService {
  readonly #options: SnmpServiceOptions;
  readonly #view: MibView;
  readonly #agentx: AgentX | undefined;
  readonly #standalone: StandaloneAgent | undefined;
  readonly #notifier: Notifier | undefined;
  readonly #pacer: NotificationPacer<TimedNotification>;
  readonly #startedAt = performance.now();
  #rows: MibRows | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;

  constructor(options: SnmpServiceOptions) {
    this.#options = options;
    const { settings, log } = options;
    const { notifications, standalone, users } = settings;
    this.#view = new MibView(allTables, options.numbers);
    this.#pacer = new NotificationPacer({
      burst: notifications.burst,
      interval: micros(1_000_000 / notifications.perSecond),
      limit: MAX_WAITING,
    });
    if (options.agentx !== undefined) {
      this.#agentx = startAgentX({
        socket: options.agentx,
        view: this.#view,
        // AgentX does not say who asked.
        onSet: (changes) => options.onSet(changes, 'snmp by way of snmpd'),
        log,
      });
    }
    if (standalone === undefined && notifications.receivers.length === 0) return;
    const engine = options.engine();
    const salts = new Salts(randomBytes(8).readBigUInt64BE());
    const salt = () => salts.next();
    const keys = new Map(users.map((user) => [user.name, masterKeys(user)]));
    const keysOf = (name: string) => keys.get(name);
    if (standalone !== undefined) {
      this.#standalone = new StandaloneAgent({
        settings: standalone,
        users,
        views: settings.views,
        node: options.node,
        engine,
        keysOf,
        salt,
        view: this.#view,
        onSet: options.onSet,
        log,
        upTime: () => performance.now() - this.#startedAt,
      });
      this.#standalone.start();
    }
    if (notifications.receivers.length > 0) {
      const time = (at: Instant) => Math.max(0, Math.floor(toSeconds(micros(at)) - this.#startedAt / 1000));
      this.#notifier = new Notifier({
        receivers: notifications.receivers,
        keysOf,
        engine: { id: engine.id, boots: engine.boots, time },
        salt,
        log,
      });
    }
  }

  /** New rows; cheap until somebody asks for them. */
  update(rows: MibRows): void {
    this.#rows = rows;
    this.#view.update(rows);
  }

  /** Tells managers, soon and in order. What is about rows that are not there is left out. */
  notify(notification: Notification): void {
    if (this.#rows === undefined) return;
    const varBinds = notificationVarBinds(notification, this.#rows, this.#options.numbers);
    if (varBinds === undefined) return;
    this.#tell(this.#pacer.push({ sysUpTime: this.#sysUpTime(), varBinds }, now()));
  }

  /** Where the sysUpTime that managers see is zero, milliseconds since 1970. */
  upTimeZero(): number {
    return this.#agentx?.status().upTimeZero ?? Date.now() - (performance.now() - this.#startedAt);
  }

  status(): SnmpStatus {
    return {
      agentx: this.#agentx?.status(),
      standalone: this.#standalone?.status(),
      receivers: this.#notifier?.status() ?? [],
      notifications: { sent: this.#sent, waiting: this.#pacer.length, dropped: this.#pacer.dropped },
    };
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all([this.#agentx?.close(), this.#standalone?.close(), this.#notifier?.close()]);
  }

  #tell(notifications: readonly TimedNotification[]): void {
    for (const notification of notifications) {
      this.#sent++;
      this.#agentx?.notify(notification.varBinds);
      this.#notifier?.notify(notification);
    }
    clearTimeout(this.#timer);
    const deadline = this.#pacer.nextDeadline();
    if (deadline === undefined) return;
    this.#timer = setTimeout(
      () => this.#tell(this.#pacer.timeout(now())),
      Math.max(0, Math.ceil((deadline - now()) / 1000)),
    );
    this.#timer.unref();
  }

  #sysUpTime(): number {
    return Math.max(0, Math.floor((Date.now() - this.upTimeZero()) / 10)) % 0x1_0000_0000;
  }
}

const HASH: Readonly<Record<string, HashName>> = {
  SHA: 'sha1',
  'SHA-224': 'sha224',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

const CIPHER: Readonly<Record<string, CipherName>> = { AES: 'aes128', 'AES-192': 'aes192', 'AES-256': 'aes256' };

function masterKeys({ name, auth, privacy }: SnmpSettings['users'][number]): MasterKeys {
  const bytes = (text: string) => Buffer.from(text, 'utf8');
  return new MasterKeys(snmpCrypto, {
    name,
    auth: auth === undefined ? null : { protocol: HASH[auth.protocol] ?? 'sha256', password: bytes(auth.password) },
    privacy:
      privacy === undefined
        ? null
        : { protocol: CIPHER[privacy.protocol] ?? 'aes128', password: bytes(privacy.password) },
  });
}

function now(): Instant {
  return instant(performance.now() * 1000);
}
