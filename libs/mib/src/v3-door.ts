import { type Result, err, ok } from '@keepfleet/wire';
import type { SnmpCounters } from './snmp-counters.ts';
import { type Oid, oid } from './oid.ts';
import { type ScopedPdu, type V3Message, decodeScopedPdu } from './snmp-message.ts';
import { MAX_ENGINE_BOOTS, type SnmpCrypto, TIME_WINDOW, type UserKeys, decrypted, isGenuine } from './usm.ts';

/** Why a message is not let in: the counter that says so goes back in a report. */
export interface Refusal<User> {
  readonly counter: keyof SnmpCounters['usm'];
  /** Whose keys sign the report. */
  readonly user?: User;
  readonly requestId: number | undefined;
  /** What it carries is no PDU. */
  readonly unreadable?: true;
}

/** The authoritative engine at a moment. */
export interface Door<User> {
  readonly users: readonly User[];
  readonly engineId: Uint8Array;
  readonly engineBoots: number;
  /** Seconds since the engine started. */
  readonly time: number;
  readonly crypto: SnmpCrypto;
}

/** RFC 3414 section 3.2: who sent it, whether that is true, whether it is fresh, and what it says. */
export function openV3<User extends { readonly name: string; readonly keys: UserKeys }>(
  message: V3Message,
  bytes: Uint8Array,
  door: Door<User>,
): Result<{ user: User; scoped: ScopedPdu }, Refusal<User>> {
  const { usm } = message;
  const refuse = (counter: Refusal<User>['counter'], more: Pick<Refusal<User>, 'user' | 'unreadable'> = {}) =>
    err({ counter, ...more, requestId: plainRequestId(message) });
  if (!isSame(usm.engineId, door.engineId)) return refuse('unknownEngineIds');
  const name = String.fromCharCode(...usm.user.subarray(0, 64));
  const user = door.users.find((one) => one.name === name);
  if (user === undefined) return refuse('unknownUserNames');
  const { auth, privacy } = user.keys;
  if ((message.authenticated && auth === null) || (message.encrypted && privacy === null)) {
    return refuse('unsupportedSecLevels');
  }
  if (message.authenticated && auth !== null) {
    if (!isGenuine(door.crypto, auth, message, bytes)) return refuse('wrongDigests');
    const boots = door.engineBoots;
    const fresh =
      boots < MAX_ENGINE_BOOTS && usm.engineBoots === boots && Math.abs(usm.engineTime - door.time) <= TIME_WINDOW;
    if (!fresh) return refuse('notInTimeWindows', { user });
  }
  let data: Uint8Array | undefined = message.data;
  if (message.encrypted && privacy !== null) data = decrypted(door.crypto, privacy, usm, message.data);
  const scoped = data && decodeScopedPdu(data);
  if (scoped?.ok === true) return ok({ user, scoped: scoped.value });
  return refuse('decryptionErrors', message.encrypted ? {} : { unreadable: true });
}

const USM_STATS = '1.3.6.1.6.3.15.1.1';

/** Of a report. */
export const REPORT_OID: Readonly<Record<keyof SnmpCounters['usm'], Oid>> = {
  unsupportedSecLevels: oid(`${USM_STATS}.1.0`),
  notInTimeWindows: oid(`${USM_STATS}.2.0`),
  unknownUserNames: oid(`${USM_STATS}.3.0`),
  unknownEngineIds: oid(`${USM_STATS}.4.0`),
  wrongDigests: oid(`${USM_STATS}.5.0`),
  decryptionErrors: oid(`${USM_STATS}.6.0`),
  unknownContexts: oid('1.3.6.1.6.3.12.1.5.0'),
};

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

/** For the report: known only where nothing is encrypted. */
function plainRequestId(message: V3Message): number | undefined {
  if (message.encrypted) return undefined;
  const scoped = decodeScopedPdu(message.data);
  return scoped.ok ? scoped.value.pdu.requestId : undefined;
}
