import { type BfdEvent, diagnosticText } from '@keepfleet/bfd';
import type { EventText } from '../control/events.ts';

type StateChange = Extract<BfdEvent, { kind: 'state-changed' }>;

/** An event of a session in the words of the fleet. */
export function bfdEventText(event: BfdEvent): EventText {
  switch (event.kind) {
    case 'state-changed': {
      const { session, neighbor, from, to, reason, diagnostic, remoteDiagnostic } = event;
      const isFailure = from === 'up' && reason !== 'removed' && reason !== 'stopped';
      return {
        severity: isFailure ? 'error' : 'info',
        kind: 'bfd.session',
        subject: session,
        message: `${from} → ${to} (neighbour ${neighbor}): ${whyText(event)}`,
        attributes: {
          from,
          to,
          reason,
          neighbor,
          diagnostic: diagnosticText(diagnostic),
          remoteDiagnostic: diagnosticText(remoteDiagnostic),
        },
      };
    }
    case 'discarded':
      return discardText(event.session, event, `a packet from ${event.source} is discarded: ${event.detail}`);
    case 'stranger':
      return discardText(event.source, event, `a packet is discarded: ${event.detail}`);
  }
}

function discardText(
  subject: string,
  { error, source }: { readonly error: string; readonly source: string },
  message: string,
): EventText {
  return { severity: 'warning', kind: 'bfd.discarded', subject, message, attributes: { error, source } };
}

function whyText({ to, reason, silence, diagnostic, remoteDiagnostic }: StateChange): string {
  switch (reason) {
    case 'started':
      return 'started';
    case 'neighbor':
      if (to === 'down')
        return `${diagnosticText(diagnostic)}; the neighbour's diagnostic is ${diagnosticText(remoteDiagnostic)}`;
      return to === 'up' ? 'both ends hear each other' : 'the neighbour is heard';
    case 'detection-time':
      return `${diagnosticText(diagnostic)}: nothing was heard for ${Math.round((silence ?? 0) / 1_000)} ms; look at the path, and whether the neighbour runs`;
    case 'path-down':
      return `${diagnosticText(diagnostic)}: this host has no way to the neighbour; look at its route and interface`;
    case 'disabled':
      return 'disabled by command';
    case 'enabled':
      return 'enabled by command';
    case 'removed':
      return 'no longer configured';
    case 'stopped':
      return 'the process stops';
  }
}
