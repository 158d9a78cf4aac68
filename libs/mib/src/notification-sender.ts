import { type Duration, type Instant, after, between, millis, seconds, toSeconds } from '@keepfleet/machine';
import { type Oid, oid } from './oid.ts';
import { type V3Message, decodeMessage, decodeScopedPdu, encodeCommunityMessage } from './snmp-message.ts';
import type { SnmpPdu } from './snmp-pdu.ts';
import { type MasterKeys, type SnmpCrypto, type UserKeys, decrypted, isGenuine } from './usm.ts';
import { utf8Bytes } from './utf8.ts';
import { v3Message } from './v3-answer.ts';
import type { VarBind } from './value.ts';

/** Informs that wait for a receiver that is away; of more the oldest is given up. */
export const MAX_QUEUED_INFORMS = 1000;

const MAX_MESSAGE = 65507;
const MAX_USER_NAME = 32;
const SYS_UP_TIME: Oid = oid('1.3.6.1.2.1.1.3.0');
const LONGEST_PAUSE = seconds(60);
const EMPTY = new Uint8Array();

export interface ReceiverSettings {
  readonly security:
    | { readonly version: 'v2c'; readonly community: Uint8Array }
    | { readonly version: 'v3'; readonly user: string; readonly keys: MasterKeys };
  /** Informs are answered, and repeated until they are. */
  readonly inform: boolean;
  /** Before an inform is sent again; doubled each time up to a minute. */
  readonly timeout: Duration;
}

/** Our own engine, which a trap of version 3 goes by. */
export interface OwnEngine {
  readonly id: Uint8Array;
  readonly boots: number;
  /** Seconds since it started. */
  readonly time: (now: Instant) => number;
}

/** A notification with the time at which it came about. */
export interface TimedNotification {
  /** Hundredths of a second. */
  readonly sysUpTime: number;
  /** snmpTrapOID.0 first. */
  readonly varBinds: readonly VarBind[];
}

interface Engine {
  readonly id: Uint8Array;
  readonly keys: UserKeys;
  boots: number;
  time: number;
  at: Instant;
}

interface UnderWay {
  readonly requestId: number;
  attempts: number;
  deadline: Instant;
}

export interface SenderCounters {
  readonly sent: number;
  /** Informs that were answered. */
  readonly acknowledged: number;
  readonly repeated: number;
  readonly dropped: number;
  /** Datagrams that were no answer to an inform of ours. */
  readonly strange: number;
}

/** Sends notifications to one receiver: traps once, informs in order until each is answered. */
export class NotificationSender {
  readonly #settings: ReceiverSettings;
  readonly #own: OwnEngine;
  readonly #ownKeys: UserKeys | undefined;
  readonly #crypto: SnmpCrypto;
  readonly #salt: () => Uint8Array;
  readonly #queue: TimedNotification[] = [];
  #underWay: UnderWay | undefined;
  /** The receiver's engine, which an inform of version 3 goes by; unknown until it has told. */
  #engine: Engine | undefined;
  #nextId: number;
  #counts = { sent: 0, acknowledged: 0, repeated: 0, dropped: 0, strange: 0 };

  constructor(settings: ReceiverSettings, own: OwnEngine, crypto: SnmpCrypto, salt: () => Uint8Array, firstId: number) {
    this.#settings = settings;
    this.#own = own;
    this.#crypto = crypto;
    this.#salt = salt;
    this.#nextId = firstId & 0x7fffffff;
    const { security } = settings;
    this.#ownKeys = security.version === 'v3' ? security.keys.localized(own.id) : undefined;
  }

  get counters(): SenderCounters {
    return { ...this.#counts };
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Datagrams to send. */
  notify(notification: TimedNotification, now: Instant): Uint8Array[] {
    if (!this.#settings.inform) {
      this.#counts.sent++;
      return [this.#trap(notification, now)];
    }
    this.#queue.push(notification);
    if (this.#queue.length > MAX_QUEUED_INFORMS) {
      // The one under way may have arrived.
      this.#queue.splice(this.#underWay === undefined ? 0 : 1, 1);
      this.#counts.dropped++;
    }
    return this.#underWay === undefined ? this.#sendFirst(now) : [];
  }

  receive(bytes: Uint8Array, now: Instant): Uint8Array[] {
    const message = decodeMessage(bytes);
    if (!message.ok) return this.#strange();
    const { security } = this.#settings;
    if (message.value.version === 'v3') {
      return security.version === 'v3' ? this.#receiveV3(message.value, bytes, now) : this.#strange();
    }
    if (security.version !== 'v2c') return this.#strange();
    return this.#acknowledged(message.value.pdu, now);
  }

  timeout(now: Instant): Uint8Array[] {
    const underWay = this.#underWay;
    if (underWay === undefined || underWay.deadline > now) return [];
    underWay.attempts++;
    underWay.deadline = after(now, this.#pause(underWay.attempts));
    this.#counts.repeated++;
    // A receiver that is away for long may come back as another engine.
    if (underWay.attempts % 4 === 0) this.#engine = undefined;
    return this.#message(underWay.requestId, now);
  }

  nextDeadline(): Instant | undefined {
    return this.#underWay?.deadline;
  }

  #sendFirst(now: Instant): Uint8Array[] {
    if (this.#queue.length === 0) return [];
    const requestId = this.#id();
    this.#underWay = { requestId, attempts: 0, deadline: after(now, this.#pause(0)) };
    this.#counts.sent++;
    return this.#message(requestId, now);
  }

  #acknowledged(pdu: SnmpPdu, now: Instant): Uint8Array[] {
    if (pdu.kind !== 'response' || pdu.requestId !== this.#underWay?.requestId) return this.#strange();
    this.#underWay = undefined;
    this.#queue.shift();
    this.#counts.acknowledged++;
    return this.#sendFirst(now);
  }

  #receiveV3(message: V3Message, bytes: Uint8Array, now: Instant): Uint8Array[] {
    const { security } = this.#settings;
    if (security.version !== 'v3' || this.#underWay === undefined) return this.#strange();
    const { usm } = message;
    if (this.#engine === undefined) {
      // The answer to the question for the engine: a report, as nobody has keys for it yet.
      if (usm.engineId.length < 5 || usm.engineId.length > 32) return this.#strange();
      this.#engine = {
        id: usm.engineId,
        keys: security.keys.localized(usm.engineId),
        boots: usm.engineBoots,
        time: usm.engineTime,
        at: now,
      };
      return this.#message(this.#underWay.requestId, now);
    }
    const { auth, privacy } = this.#engine.keys;
    if (auth !== null && !(message.authenticated && isGenuine(this.#crypto, auth, message, bytes))) {
      return this.#strange();
    }
    const data =
      message.encrypted && privacy !== null ? decrypted(this.#crypto, privacy, usm, message.data) : message.data;
    const scoped = data && decodeScopedPdu(data);
    if (scoped === undefined || !scoped.ok) return this.#strange();
    if (scoped.value.pdu.kind !== 'report') return this.#acknowledged(scoped.value.pdu, now);
    // Genuine, so its time is true: usually this is "not in time window".
    const known = this.#time(now);
    const news = usm.engineBoots !== this.#engine.boots || Math.abs(usm.engineTime - known) > 1;
    this.#engine.boots = usm.engineBoots;
    this.#engine.time = usm.engineTime;
    this.#engine.at = now;
    return news ? this.#message(this.#underWay.requestId, now) : [];
  }

  #strange(): Uint8Array[] {
    this.#counts.strange++;
    return [];
  }

  /** The first of the queue, or the question that has to come before it. */
  #message(requestId: number, now: Instant): Uint8Array[] {
    const [first] = this.#queue;
    if (first === undefined) return [];
    const { security } = this.#settings;
    const pdu = pduOf('inform', requestId, first);
    if (security.version === 'v2c') {
      return [encodeCommunityMessage({ version: 'v2c', community: security.community, pdu })];
    }
    const engine = this.#engine;
    if (engine === undefined) return [this.#discovery()];
    return [
      v3Message({
        messageId: this.#id(),
        maxSize: MAX_MESSAGE,
        reportable: true,
        userName: utf8Bytes(security.user, MAX_USER_NAME),
        keys: engine.keys,
        authenticate: true,
        encrypt: true,
        engine: { id: engine.id, boots: engine.boots, time: this.#time(now) },
        contextEngineId: engine.id,
        pdu,
        crypto: this.#crypto,
        salt: this.#salt,
      }),
    ];
  }

  #discovery(): Uint8Array {
    return v3Message({
      messageId: this.#id(),
      maxSize: MAX_MESSAGE,
      reportable: true,
      userName: EMPTY,
      keys: undefined,
      authenticate: false,
      encrypt: false,
      engine: { id: EMPTY, boots: 0, time: 0 },
      contextEngineId: EMPTY,
      pdu: { kind: 'get', requestId: this.#id(), errorStatus: 0, errorIndex: 0, varBinds: [] },
      crypto: this.#crypto,
      salt: this.#salt,
    });
  }

  #trap(notification: TimedNotification, now: Instant): Uint8Array {
    const { security } = this.#settings;
    const pdu = pduOf('trap', this.#id(), notification);
    if (security.version === 'v2c') {
      return encodeCommunityMessage({ version: 'v2c', community: security.community, pdu });
    }
    const { id, boots, time } = this.#own;
    return v3Message({
      messageId: this.#id(),
      maxSize: MAX_MESSAGE,
      reportable: false,
      userName: utf8Bytes(security.user, MAX_USER_NAME),
      keys: this.#ownKeys,
      authenticate: true,
      encrypt: true,
      engine: { id, boots, time: time(now) },
      contextEngineId: id,
      pdu,
      crypto: this.#crypto,
      salt: this.#salt,
    });
  }

  #time(now: Instant): number {
    const engine = this.#engine;
    return engine === undefined ? 0 : engine.time + Math.floor(toSeconds(between(engine.at, now)));
  }

  #pause(attempts: number): Duration {
    return millis(Math.min((this.#settings.timeout / 1000) * 2 ** Math.min(attempts, 10), LONGEST_PAUSE / 1000));
  }

  #id(): number {
    this.#nextId = (this.#nextId + 1) & 0x7fffffff;
    return this.#nextId;
  }
}

function pduOf(kind: 'trap' | 'inform', requestId: number, { sysUpTime, varBinds }: TimedNotification): SnmpPdu {
  return {
    kind,
    requestId,
    errorStatus: 0,
    errorIndex: 0,
    varBinds: [{ name: SYS_UP_TIME, value: { type: 'timeticks', value: sysUpTime } }, ...varBinds],
  };
}
