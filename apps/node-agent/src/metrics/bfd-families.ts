import type { BfdSnapshot, SessionSnapshot } from '@keepfleet/bfd';
import { type Family, family } from './family.ts';

/** Numbers of RFC 5880 section 4.1. */
const STATE = { 'admin-down': 0, down: 1, init: 2, up: 3 } as const satisfies Record<SessionSnapshot['state'], number>;

/** Nothing where there is no bfd process to hear. */
export function bfdFamilies(bfd: BfdSnapshot | undefined): Family[] {
  const each = (name: string, help: string, type: Family['type'], value: (session: SessionSnapshot) => number) =>
    family(
      `keepfleet_bfd_session_${name}`,
      help,
      type,
      bfd?.sessions.map(
        (session) => [{ session: session.name, neighbor: session.neighbor }, value(session)] as const,
      ) ?? [],
    );
  return [
    each('state', 'State of RFC 5880: 0 admin down, 1 down, 2 init, 3 up.', 'gauge', ({ state }) => STATE[state]),
    each('state_since_seconds', 'When the state began, seconds since 1970.', 'gauge', ({ since }) => since / 1000),
    each(
      'detection_seconds',
      'So long a silence is a failure; 0 while the neighbour is not known.',
      'gauge',
      ({ detectionTime }) => detectionTime / 1_000_000,
    ),
    each('packets_received_total', 'Packets received.', 'counter', ({ counters }) => counters.packetsReceived),
    each('packets_sent_total', 'Packets sent.', 'counter', ({ counters }) => counters.packetsSent),
    each('up_total', 'Times that it came up.', 'counter', ({ counters }) => counters.up),
    each('down_total', 'Times that it went down again.', 'counter', ({ counters }) => counters.down),
    family(
      'keepfleet_bfd_packets_discarded_total',
      'Packets that were discarded, by what was wrong with them.',
      'counter',
      Object.entries(bfd?.discarded ?? {}).map(([reason, count]) => [{ reason }, count]),
    ),
  ];
}
