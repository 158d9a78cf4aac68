/**
 * The lab's own messages, one JSON text a line: between a verb or a test and the lab's daemon (over its socket, with a
 * host in the request), and between the daemon and the steward of a director (over a serial line or pipes).
 */
export type Signal = 'SIGTERM' | 'SIGKILL' | 'SIGINT' | 'SIGSTOP' | 'SIGCONT';
export type ServiceAction = 'start' | 'stop' | 'restart';

export type StewardRequest =
  | { op: 'run'; id: number; argv: string[]; environment?: Record<string, string>; timeout?: number }
  | { op: 'signal'; id: number; job: number; signal: Signal }
  | { op: 'service'; id: number; name: string; action: ServiceAction }
  | { op: 'facts'; id: number };

export type Reply =
  | { id: number; kind: 'output'; stream: 'stdout' | 'stderr'; data: string }
  | { id: number; kind: 'exit'; code: number; reason?: string }
  | { id: number; kind: 'done'; result: unknown }
  | { id: number; kind: 'failed'; reason: string }
  /** Not an answer: something that happened. Its id is 0. */
  | { id: 0; kind: 'event'; event: string; text: string };

/** Exit codes of a command that did not end by itself, as `timeout` and the shells have them. */
export const exitCodes = { timedOut: 124, notStarted: 127, signalled: 128 } as const;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

export function isTextRecord(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((each) => typeof each === 'string');
}

const signals: readonly string[] = ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGSTOP', 'SIGCONT'] satisfies Signal[];
function isSignal(value: unknown): value is Signal {
  return typeof value === 'string' && signals.includes(value);
}

export function isServiceAction(value: unknown): value is ServiceAction {
  return value === 'start' || value === 'stop' || value === 'restart';
}

/** Undefined for anything that is no request of a steward. */
export function parseStewardRequest(value: unknown): StewardRequest | undefined {
  if (!isRecord(value) || typeof value['id'] !== 'number') return undefined;
  const id = value['id'];
  switch (value['op']) {
    case 'run': {
      const { argv, environment, timeout } = value;
      if (!isTexts(argv) || argv.length === 0) return undefined;
      if (environment !== undefined && !isTextRecord(environment)) return undefined;
      if (timeout !== undefined && typeof timeout !== 'number') return undefined;
      return {
        op: 'run',
        id,
        argv,
        ...(environment === undefined ? {} : { environment }),
        ...(timeout === undefined ? {} : { timeout }),
      };
    }
    case 'signal':
      if (typeof value['job'] !== 'number' || !isSignal(value['signal'])) return undefined;
      return { op: 'signal', id, job: value['job'], signal: value['signal'] };
    case 'service':
      if (typeof value['name'] !== 'string' || !isServiceAction(value['action'])) return undefined;
      return { op: 'service', id, name: value['name'], action: value['action'] };
    case 'facts':
      return { op: 'facts', id };
    default:
      return undefined;
  }
}

export function parseReply(value: unknown): Reply | undefined {
  if (!isRecord(value) || typeof value['id'] !== 'number') return undefined;
  const { id, kind, stream, data, code, reason, event, text } = value;
  switch (kind) {
    case 'output':
      if ((stream !== 'stdout' && stream !== 'stderr') || typeof data !== 'string') return undefined;
      return { id, kind, stream, data };
    case 'exit':
      if (typeof code !== 'number') return undefined;
      return { id, kind, code, ...(typeof reason === 'string' ? { reason } : {}) };
    case 'done':
      return { id, kind, result: value['result'] };
    case 'failed':
      return { id, kind, reason: typeof reason === 'string' ? reason : 'no reason given' };
    case 'event':
      if (typeof event !== 'string' || typeof text !== 'string') return undefined;
      return { id: 0, kind, event, text };
    default:
      return undefined;
  }
}
