import type { SwimErrorKind } from './errors.ts';

export interface SwimStats {
  datagramsIn: number;
  datagramsOut: number;
  /** Bytes of datagram payloads, and of streams as they are written and read. */
  bytesIn: number;
  bytesOut: number;
  streamBytesIn: number;
  streamBytesOut: number;
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
  /** Times that we were served too late to hold silence against anybody. */
  stalls: number;
  queriesIn: number;
  queriesOut: number;
  userEventsIn: number;
  userEventsOut: number;
  /** Names that another host claimed. */
  nameConflicts: number;
  pushPulls: number;
  /** Exchanges that were due and left out, since the member asked sees what we see. */
  pushPullsSpared: number;
  pushPullsFailed: number;
  /** Input dropped, by kind. */
  dropped: Partial<Record<SwimErrorKind, number>>;
}

export function freshStats(): SwimStats {
  return {
    datagramsIn: 0,
    datagramsOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    streamBytesIn: 0,
    streamBytesOut: 0,
    streamsIn: 0,
    streamsOut: 0,
    probes: 0,
    probesFailed: 0,
    probesIndirect: 0,
    probesStream: 0,
    suspicions: 0,
    refutations: 0,
    stalls: 0,
    queriesIn: 0,
    queriesOut: 0,
    userEventsIn: 0,
    userEventsOut: 0,
    nameConflicts: 0,
    pushPulls: 0,
    pushPullsSpared: 0,
    pushPullsFailed: 0,
    dropped: {},
  };
}
