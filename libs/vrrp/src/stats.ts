import { type PacketErrorKind, packetErrorKinds } from './errors.ts';

/** Counters of one virtual router since its process started; they survive a reconfiguration. */
export interface RouterCounters {
  advertsReceived: number;
  advertsSent: number;
  becameMaster: number;
  releasedMaster: number;
  priorityZeroReceived: number;
  priorityZeroSent: number;
  /** Announcements sent: gratuitous ARPs and unsolicited neighbour advertisements. */
  announcementsSent: number;
  addressesRestored: number;
  /** Messages by what was wrong with them. */
  errors: Record<PacketErrorKind, number>;
}

export function newCounters(): RouterCounters {
  return {
    advertsReceived: 0,
    advertsSent: 0,
    becameMaster: 0,
    releasedMaster: 0,
    priorityZeroReceived: 0,
    priorityZeroSent: 0,
    announcementsSent: 0,
    addressesRestored: 0,
    errors: Object.fromEntries(packetErrorKinds.map((kind) => [kind, 0])) as Record<PacketErrorKind, number>,
  };
}
