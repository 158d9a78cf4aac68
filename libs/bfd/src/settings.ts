import type { Duration, Scheduling } from '@keepfleet/machine';
import { type IpAddress, type Result, err, familyOf, ok } from '@keepfleet/wire';

/** One hop (RFC 5881) or several (RFC 5883). */
export type Hops = 'single' | 'multi';

/** One `bfd_instance`. */
export interface SessionSettings {
  readonly name: string;
  readonly neighbor: IpAddress;
  /** Source of what is sent, and the only destination at which a first packet is taken. Missing: the kernel's choice, and any. */
  readonly source?: IpAddress;
  readonly hops: Hops;
  /** Never speaks first (RFC 5880 section 6.1). */
  readonly passive: boolean;
  /** Time between two packets that we want to keep to, while the session is up. Default 10 ms; shorter costs both ends CPU. */
  readonly desiredMinTx: Duration;
  /** Least time between two packets that we are ready for. Default 10 ms; with the multiplier of the neighbour it makes our detection time. */
  readonly requiredMinRx: Duration;
  /** Time between two packets while the session is not up, never below 1 s (RFC 5880 section 6.8.3). Default 1 s. */
  readonly idleTx: Duration;
  /** So many packets missed in a row are a failure, 1..255. Default 5. */
  readonly detectMult: number;
  /** TTL or hop limit of what is sent, 1..255. */
  readonly ttl: number;
  /** Least TTL or hop limit of what is believed; 0 believes all. RFC 5881 section 5 wants 255 over a single hop. */
  readonly leastTtl: number;
}

export interface BfdSettings {
  readonly revision?: string;
  readonly sessions: readonly SessionSettings[];
  readonly scheduling?: Scheduling;
}

/** Settings that no node can carry out. */
export interface SettingsError {
  readonly kind: 'bad-settings';
  readonly session: string;
  readonly field: string;
  readonly reason: string;
}

/** The idle interval may not be shorter, RFC 5880 section 6.8.3. */
export const LEAST_IDLE = 1_000_000 as Duration;
/** What a field of 32 bits holds. */
const LONGEST = 0xffff_ffff;

export function checkSettings(settings: BfdSettings): Result<BfdSettings, SettingsError> {
  const names = new Set<string>();
  const paths = new Map<string, string>();
  for (const session of settings.sessions) {
    const problem = sessionProblem(session);
    const refuse = (field: string, reason: string) =>
      err<SettingsError>({ kind: 'bad-settings', session: session.name, field, reason });
    if (problem !== undefined) return refuse(problem.field, problem.reason);
    if (names.has(session.name)) return refuse('name', 'two sessions have it');
    names.add(session.name);
    const path = pathOf(session);
    const other = paths.get(path);
    if (other !== undefined)
      return refuse('neighbor', `${session.neighbor} is also session ${other}'s, between the same addresses`);
    paths.set(path, session.name);
  }
  return ok(settings);
}

/** What a session is about; another one is another session. */
export function pathOf({ neighbor, source, hops }: Pick<SessionSettings, 'neighbor' | 'source' | 'hops'>): string {
  return `${hops} ${source ?? '*'} ${neighbor}`;
}

function sessionProblem(session: SessionSettings): { field: string; reason: string } | undefined {
  const outside = (
    field: 'desiredMinTx' | 'requiredMinRx' | 'idleTx' | 'detectMult' | 'ttl' | 'leastTtl',
    low: number,
    high: number,
  ) => {
    const value = session[field];
    const fits = Number.isInteger(value) && value >= low && value <= high;
    return fits ? undefined : { field, reason: `${value} is not in ${low}..${high}` };
  };
  if (session.source !== undefined && familyOf(session.source) !== familyOf(session.neighbor))
    return { field: 'source', reason: `${session.source} is of another family than the neighbour ${session.neighbor}` };
  return (
    outside('desiredMinTx', 1, LONGEST) ??
    outside('requiredMinRx', 1, LONGEST) ??
    outside('idleTx', LEAST_IDLE, LONGEST) ??
    outside('detectMult', 1, 255) ??
    outside('ttl', 1, 255) ??
    outside('leastTtl', 0, 255)
  );
}
