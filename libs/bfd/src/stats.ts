import { type DiscardKind, discardKinds } from './errors.ts';

export type DiscardCounters = Record<DiscardKind, number>;

/** Counters of one session since its process started; they survive a reconfiguration. */
export interface SessionCounters {
  packetsReceived: number;
  packetsSent: number;
  /** Times that the session came up, and that it went down again. */
  up: number;
  down: number;
  pollsStarted: number;
  pollsFinished: number;
  /** Packets by what was wrong with them. */
  discarded: DiscardCounters;
}

export function newCounters(): SessionCounters {
  return {
    packetsReceived: 0,
    packetsSent: 0,
    up: 0,
    down: 0,
    pollsStarted: 0,
    pollsFinished: 0,
    discarded: noDiscards(),
  };
}

export function noDiscards(): DiscardCounters {
  return Object.fromEntries(discardKinds.map((kind) => [kind, 0])) as DiscardCounters;
}
