import type { SwimErrorKind } from './errors.ts';

export interface SwimStats {
  datagramsIn: number;
  datagramsOut: number;
  streamsIn: number;
  streamsOut: number;
  probes: number;
  /** Probes that nobody could get answered. */
  probesFailed: number;
  /** Probes answered only through another member. */
  probesIndirect: number;
  /** Probes answered by TCP alone: the member lives, its UDP path does not. */
  probesStream: number;
  suspicions: number;
  /** Accusations of ourselves that we answered. */
  refutations: number;
  pushPulls: number;
  pushPullsFailed: number;
  /** Input dropped, by kind. */
  dropped: Partial<Record<SwimErrorKind, number>>;
}

export function freshStats(): SwimStats {
  return {
    datagramsIn: 0,
    datagramsOut: 0,
    streamsIn: 0,
    streamsOut: 0,
    probes: 0,
    probesFailed: 0,
    probesIndirect: 0,
    probesStream: 0,
    suspicions: 0,
    refutations: 0,
    pushPulls: 0,
    pushPullsFailed: 0,
    dropped: {},
  };
}
