import { answerGet, answerGetBulk, answerGetNext } from './answers.ts';
import type { Variables } from './answers.ts';
import type { Change } from './changes.ts';
import { type SnmpCounters, newSnmpCounters } from './snmp-counters.ts';
import { SNMP_ERROR, type SnmpErrorName, type SnmpPdu } from './snmp-pdu.ts';
import { type CommunityMessage, type V3Message, decodeMessage, encodeCommunityMessage } from './snmp-message.ts';
import type { Checks } from './transactions.ts';
import type { SnmpCrypto, UserKeys } from './usm.ts';
import { v3Answer } from './v3-answer.ts';
import { REPORT_OID, type Refusal, isSame, openV3 } from './v3-door.ts';
import type { VarBind } from './value.ts';
import { ShownVariables, type ViewSubtrees } from './variables.ts';

/** Largest UDP payload over IPv4, and what we say that we bear. */
export const MAX_MESSAGE = 65507;

/** SETs that are being carried out; more are answered resourceUnavailable. */
export const MAX_PENDING_SETS = 64;

export interface Access {
  readonly write: boolean;
  readonly view: ViewSubtrees;
}

export interface AgentUser {
  readonly name: string;
  readonly keys: UserKeys;
  readonly access: Access;
}

export interface AgentSettings {
  /** By their octets as Latin-1 text; `allows` says whether a peer may use it. */
  readonly communities: readonly {
    readonly name: string;
    readonly access: Access;
    readonly allows: (peer: string) => boolean;
  }[];
  readonly users: readonly AgentUser[];
  readonly engineId: Uint8Array;
  readonly engineBoots: number;
}

/** What comes of one datagram. */
export type AgentOutcome =
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  /** To be carried out, all or nothing; then `setDone` has the answer. */
  | { readonly kind: 'set'; readonly id: number; readonly changes: readonly Change[]; readonly actor: string }
  | { readonly kind: 'nothing' };

/** Makes the response to one request out of its error and variables. */
type Respond = (error: SnmpErrorName, index: number, varBinds: readonly VarBind[]) => Uint8Array | undefined;

interface Request {
  readonly pdu: SnmpPdu;
  readonly version: 1 | 2;
  readonly access: Access;
  /** Bytes that the response may have. */
  readonly room: number;
  readonly actor: string;
  readonly respond: Respond;
}

interface PendingSet {
  readonly key: string;
  readonly request: Request;
}

const NOTHING: AgentOutcome = { kind: 'nothing' };

/**
 * An SNMP agent without a master: v1, v2c and v3 with the user-based security model (RFC 3411 to 3418), over whatever
 * carries datagrams. Knows no clock: seconds since the engine's start come in with each datagram.
 */
export class SnmpAgent {
  readonly counters: SnmpCounters;
  readonly #settings: AgentSettings;
  readonly #variables: Variables;
  readonly #checks: Checks;
  readonly #crypto: SnmpCrypto;
  readonly #salt: () => Uint8Array;
  readonly #pending = new Map<number, PendingSet>();
  readonly #shown = new Map<ViewSubtrees, ShownVariables>();
  #nextSet = 1;

  constructor(
    settings: AgentSettings,
    variables: Variables & Checks,
    crypto: SnmpCrypto,
    salt: () => Uint8Array,
    counters: SnmpCounters = newSnmpCounters(),
  ) {
    this.counters = counters;
    this.#settings = settings;
    this.#variables = variables;
    this.#checks = variables;
    this.#crypto = crypto;
    this.#salt = salt;
  }

  /** `peer` is the address of who asks; `time` the seconds since the engine started. */
  receive(bytes: Uint8Array, peer: string, time: number): AgentOutcome {
    this.counters.inPackets++;
    const message = decodeMessage(bytes);
    if (!message.ok) {
      if (message.error.kind === 'bad-version') this.counters.badVersions++;
      else this.counters.parseErrors++;
      return NOTHING;
    }
    return message.value.version === 'v3'
      ? this.#receiveV3(message.value, bytes, peer, time)
      : this.#receiveCommunity(message.value, peer);
  }

  /** The answer to a `set`. */
  setDone(id: number, accepted: boolean): Uint8Array | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    const { pdu, respond } = pending.request;
    if (accepted) this.counters.setsAccepted++;
    else this.counters.setsRefused++;
    return accepted ? respond('no-error', 0, pdu.varBinds) : respond('commit-failed', 1, pdu.varBinds);
  }

  #receiveCommunity(message: CommunityMessage, peer: string): AgentOutcome {
    const name = String.fromCharCode(...message.community.subarray(0, 255));
    const community = this.#settings.communities.find((one) => one.name === name && one.allows(peer));
    if (community === undefined) {
      this.counters.badCommunities++;
      return NOTHING;
    }
    const version = message.version === 'v1' ? 1 : 2;
    if (version === 1 && message.pdu.kind === 'get-bulk') {
      this.counters.parseErrors++;
      return NOTHING;
    }
    if (message.pdu.kind === 'set' && !community.access.write) this.counters.badCommunityUses++;
    return this.#carryOut(
      {
        pdu: message.pdu,
        version,
        access: community.access,
        room: MAX_MESSAGE,
        actor: `${message.version} from ${peer}`,
        respond: (error, index, varBinds) =>
          encodeCommunityMessage({ ...message, pdu: response(message.pdu, error, index, varBinds, version) }),
      },
      peer,
    );
  }

  #receiveV3(message: V3Message, bytes: Uint8Array, peer: string, time: number): AgentOutcome {
    const opened = openV3(message, bytes, { ...this.#settings, time, crypto: this.#crypto });
    if (!opened.ok) {
      this.counters.usm[opened.error.counter]++;
      if (opened.error.unreadable) this.counters.parseErrors++;
      return this.#report(message, opened.error, time);
    }
    const { user, scoped } = opened.value;
    if (scoped.context.length > 0 || !isSame(scoped.engineId, this.#settings.engineId)) {
      const counter = scoped.context.length > 0 ? 'unknownContexts' : 'unknownEngineIds';
      this.counters.usm[counter]++;
      return this.#report(message, { counter, user, requestId: scoped.pdu.requestId }, time);
    }
    const answerWith = (pdu: SnmpPdu) =>
      v3Answer({
        message,
        user,
        engine: { id: this.#settings.engineId, boots: this.#settings.engineBoots, time },
        authenticate: message.authenticated,
        encrypt: message.encrypted,
        maxSize: MAX_MESSAGE,
        pdu,
        crypto: this.#crypto,
        salt: this.#salt,
      });
    // Asking below the level that the user has is no way around it.
    const full =
      message.authenticated === (user.keys.auth !== null) && message.encrypted === (user.keys.privacy !== null);
    if (!full) {
      const { pdu } = scoped;
      return { kind: 'answer', bytes: answerWith(response(pdu, 'authorization-error', 0, pdu.varBinds, 2)) };
    }
    return this.#carryOut(
      {
        pdu: scoped.pdu,
        version: 2,
        access: user.access,
        room: Math.min(message.maxSize, MAX_MESSAGE),
        actor: `user ${user.name} from ${peer}`,
        respond: (error, index, varBinds) => answerWith(response(scoped.pdu, error, index, varBinds, 2)),
      },
      peer,
    );
  }

  #report(message: V3Message, refusal: Refusal<AgentUser>, time: number): AgentOutcome {
    // RFC 3412 section 7.1: to nobody who does not wait for it, so that two engines never report to each other.
    if (!message.reportable) return NOTHING;
    const { counter, user, requestId } = refusal;
    const pdu: SnmpPdu = {
      kind: 'report',
      requestId: requestId ?? 0,
      errorStatus: 0,
      errorIndex: 0,
      varBinds: [{ name: REPORT_OID[counter], value: { type: 'counter32', value: this.counters.usm[counter] } }],
    };
    const bytes = v3Answer({
      message,
      user,
      engine: { id: this.#settings.engineId, boots: this.#settings.engineBoots, time },
      authenticate: counter === 'notInTimeWindows' && user !== undefined && user.keys.auth !== null,
      encrypt: false,
      maxSize: MAX_MESSAGE,
      pdu,
      crypto: this.#crypto,
      salt: this.#salt,
    });
    return { kind: 'answer', bytes };
  }

  #carryOut(request: Request, peer: string): AgentOutcome {
    const { pdu } = request;
    switch (pdu.kind) {
      case 'get':
        return this.#answer(request, answerGet(this.#shownTo(request), ranges(pdu)));
      case 'get-next':
        return this.#answer(request, nextFor(request.version, this.#shownTo(request), pdu));
      case 'get-bulk':
        return this.#answerBulk(request);
      case 'set':
        return this.#set(request, peer);
      case 'response':
      case 'inform':
      case 'trap':
      case 'report':
        this.counters.parseErrors++;
        return NOTHING;
    }
  }

  #shownTo({ access }: Request): ShownVariables {
    let shown = this.#shown.get(access.view);
    if (shown === undefined) {
      shown = new ShownVariables(this.#variables, access.view);
      this.#shown.set(access.view, shown);
    }
    return shown;
  }

  #answer(request: Request, varBinds: readonly VarBind[]): AgentOutcome {
    const { pdu, version, respond, room } = request;
    // Version 1 has neither exceptions nor 64 bits (RFC 3584 section 4.2.2.1).
    const absent = version === 1 ? varBinds.findIndex(({ value }) => isBeyondV1(value.type)) : -1;
    if (absent >= 0) return this.#reply(respond('no-such-name', absent + 1, pdu.varBinds));
    const bytes = respond('no-error', 0, varBinds);
    if (bytes === undefined || bytes.length <= room) {
      this.counters.variables += varBinds.length;
      return this.#reply(bytes);
    }
    return this.#reply(respond('too-big', 0, version === 1 ? pdu.varBinds : []));
  }

  /** As many variables as there is room for: a manager asks on from the last (RFC 3416 section 4.2.3). */
  #answerBulk(request: Request): AgentOutcome {
    const { pdu, respond, room } = request;
    const nonRepeaters = Math.max(pdu.errorStatus, 0);
    const repetitions = Math.max(pdu.errorIndex, 0);
    let varBinds = answerGetBulk(this.#shownTo(request), ranges(pdu), nonRepeaters, repetitions);
    for (;;) {
      const bytes = respond('no-error', 0, varBinds);
      if (bytes === undefined || bytes.length <= room || varBinds.length === 0) {
        this.counters.variables += varBinds.length;
        return this.#reply(bytes);
      }
      varBinds = varBinds.slice(0, Math.floor(Math.min((varBinds.length * room) / bytes.length, varBinds.length - 1)));
    }
  }

  #set(request: Request, peer: string): AgentOutcome {
    const { pdu, version, access, actor, respond } = request;
    const refuse = (error: SnmpErrorName, index: number) => {
      this.counters.setsRefused++;
      return this.#reply(respond(version === 1 ? errorOfV1(error) : error, index, pdu.varBinds));
    };
    const key = `${peer} ${pdu.requestId}`;
    // A manager that asks again while the first is being carried out gets its answer.
    if ([...this.#pending.values()].some((pending) => pending.key === key)) return NOTHING;
    const shown = this.#shownTo(request);
    const changes: Change[] = [];
    for (const [i, { name, value }] of pdu.varBinds.entries()) {
      if (!access.write || !shown.shows(name)) return refuse('no-access', i + 1);
      const check = this.#checks.check(name, value);
      if (!check.ok) return refuse(agentError(check.error), i + 1);
      changes.push(check.change);
    }
    if (changes.length === 0) return this.#reply(respond('no-error', 0, []));
    if (this.#pending.size >= MAX_PENDING_SETS) return refuse('resource-unavailable', 1);
    const id = this.#nextSet++;
    this.#pending.set(id, { key, request });
    return { kind: 'set', id, changes, actor };
  }

  #reply(bytes: Uint8Array | undefined): AgentOutcome {
    return bytes === undefined ? NOTHING : { kind: 'answer', bytes };
  }
}

function response(
  { requestId }: SnmpPdu,
  error: SnmpErrorName,
  index: number,
  varBinds: readonly VarBind[],
  version: 1 | 2,
): SnmpPdu {
  const name = version === 1 ? errorOfV1(error) : error;
  return { kind: 'response', requestId, errorStatus: SNMP_ERROR[name], errorIndex: index, varBinds };
}

function ranges(pdu: SnmpPdu) {
  return pdu.varBinds.map(({ name }) => ({ start: name, include: false, end: [] }));
}

/** Version 1 passes over what it cannot say. */
function nextFor(version: 1 | 2, variables: Variables, pdu: SnmpPdu): VarBind[] {
  if (version === 2) return answerGetNext(variables, ranges(pdu));
  return ranges(pdu).map((range) => {
    let [found] = answerGetNext(variables, [range]);
    while (found?.value.type === 'counter64') [found] = answerGetNext(variables, [{ ...range, start: found.name }]);
    return found ?? { name: range.start, value: { type: 'end-of-mib-view' } };
  });
}

function isBeyondV1(type: VarBind['value']['type']): boolean {
  return type === 'counter64' || type.startsWith('no-such') || type === 'end-of-mib-view';
}

/** RFC 3584 section 4.4. */
function errorOfV1(error: SnmpErrorName): SnmpErrorName {
  switch (error) {
    case 'wrong-value':
    case 'wrong-encoding':
    case 'wrong-type':
    case 'wrong-length':
    case 'inconsistent-value':
      return 'bad-value';
    case 'no-access':
    case 'not-writable':
    case 'no-creation':
    case 'inconsistent-name':
    case 'authorization-error':
      return 'no-such-name';
    case 'resource-unavailable':
    case 'commit-failed':
    case 'undo-failed':
      return 'gen-err';
    default:
      return error;
  }
}

function agentError(error: string): SnmpErrorName {
  return Object.hasOwn(SNMP_ERROR, error) ? (error as SnmpErrorName) : 'gen-err';
}
