import type { Change } from './changes.ts';
import type { PduBody, PduErrorKind } from './packet.ts';
import type { VarBind } from './value.ts';

/**
 * What happens to a session. After the output `disconnect` the driver says nothing more about that connection, not even
 * that it is closed.
 */
export type SessionInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'connected' }
  /** The connection could not be made, or ended. */
  | { readonly kind: 'disconnected'; readonly reason: string }
  /** Bytes of the stream in any portions, as hexadecimal text. */
  | { readonly kind: 'received'; readonly data: string }
  /** The answer to the output `set` of the same id: all changes are made, or none. */
  | { readonly kind: 'set-done'; readonly id: number; readonly accepted: boolean }
  /** The answer to the output `undo` of the same id. */
  | { readonly kind: 'undo-done'; readonly id: number; readonly restored: boolean }
  /** To tell managers; the master puts sysUpTime.0 before the variables. */
  | { readonly kind: 'notify'; readonly varBinds: readonly VarBind[] }
  | { readonly kind: 'stop' };

export type SessionOutput =
  | { readonly kind: 'connect' }
  | { readonly kind: 'send'; readonly data: string }
  /** Close the connection after what is to be sent. */
  | { readonly kind: 'disconnect' }
  /** Make all the changes or none, and answer with `set-done`. */
  | { readonly kind: 'set'; readonly id: number; readonly changes: readonly Change[] }
  /** Put back what was before the set of this id, and answer with `undo-done`. */
  | { readonly kind: 'undo'; readonly id: number }
  /** The set of this id will not be undone any more. */
  | { readonly kind: 'forget'; readonly id: number }
  /** The subtrees are registered, but for those that were refused; `sysUpTime` is the master's, in hundredths of a second. */
  | { readonly kind: 'serving'; readonly sessionId: number; readonly sysUpTime: number }
  | { readonly kind: 'problem'; readonly problem: SessionProblem };

export type SessionProblem =
  | { readonly kind: 'connect-failed'; readonly reason: string }
  | { readonly kind: 'connection-lost'; readonly reason: string }
  | { readonly kind: 'timeout'; readonly waitingFor: 'connection' | 'open' | 'register' | 'ping' | 'notify' }
  /** The master does not want the session, or not this subtree. */
  | {
      readonly kind: 'refused';
      readonly request: 'open' | 'register' | 'ping' | 'notify' | 'add-agent-caps';
      readonly error: string;
    }
  /** Given up: the oldest of too many, or one that the master did not answer on three connections. */
  | { readonly kind: 'notification-dropped' }
  | { readonly kind: 'closed-by-master'; readonly reason: number }
  /** The stream is lost; the connection was given up. */
  | { readonly kind: 'bad-stream'; readonly error: PduErrorKind }
  /** One PDU was not understood; the session goes on. */
  | { readonly kind: 'bad-pdu'; readonly error: PduErrorKind }
  /** A PDU that a master does not send, or not now. */
  | { readonly kind: 'unexpected-pdu'; readonly pdu: PduBody['kind'] }
  | { readonly kind: 'wrong-session'; readonly sessionId: number }
  /** Control did not answer a set in time; the manager was told that it failed, and it is undone should it come true. */
  | { readonly kind: 'commit-timeout'; readonly id: number };

/** Whole seconds in the messages, as the protocol has them. */
export interface SessionSettings {
  /** Shown by the master for this sub-agent. */
  readonly description: string;
  /** Dotted decimal. */
  readonly subtrees: readonly string[];
  /** How long the master waits for an answer, 1..255 s; a commit is given up a second before. */
  readonly timeout: number;
  /** 1..255; where two sub-agents register one subtree the lower number wins. RFC 2741 proposes 127. */
  readonly priority: number;
  /** Lines of the master's sysORTable. */
  readonly capabilities: readonly { readonly id: string; readonly description: string }[];
}

export interface SessionCounters {
  /** Connections on which all subtrees were registered. */
  readonly sessions: number;
  /** Requests of the master by kind. */
  readonly requests: Readonly<Record<string, number>>;
  /** Variables answered. */
  readonly variables: number;
  readonly setsAccepted: number;
  readonly setsRefused: number;
  readonly setsUndone: number;
  readonly notificationsSent: number;
  readonly notificationsDropped: number;
  readonly problems: Readonly<Record<string, number>>;
}

export interface SessionSnapshot {
  readonly state: 'stopped' | 'waiting' | 'connecting' | 'opening' | 'registering' | 'serving';
  /** Null unless registering or serving. */
  readonly sessionId: number | null;
  /** The last thing that went wrong since the session was last in service. */
  readonly lastProblem: SessionProblem | null;
  /** Subtrees that the master gives to somebody else; asked for again every half minute. */
  readonly refusedSubtrees: readonly string[];
  /** Notifications that wait for the master. */
  readonly notificationsQueued: number;
  readonly counters: SessionCounters;
}
