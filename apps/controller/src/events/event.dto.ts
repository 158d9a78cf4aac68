import { type fleet, model } from '@keepfleet/rpc';
import { z } from 'zod';
import { count, maybeTime, timeText } from '../common/dto.ts';
import { LARGEST_PAGE, USUAL_PAGE } from './event-log.ts';

const severityWord = {
  [model.Severity.UNRECOGNIZED]: 'info',
  [model.Severity.UNSPECIFIED]: 'info',
  [model.Severity.INFO]: 'info',
  [model.Severity.WARNING]: 'warning',
  [model.Severity.ERROR]: 'error',
} as const;

export const eventDto = z
  .object({
    position: count.describe('counts up in the log; the resume token'),
    node: z.string().describe('empty for what is about the controller'),
    receivedAt: maybeTime,
    sequence: count,
    at: maybeTime,
    severity: z.enum(['info', 'warning', 'error']),
    kind: z.string(),
    subject: z.string(),
    message: z.string(),
    attributes: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Event' });

export const eventListDto = z
  .object({ events: z.array(eventDto), next: count.describe('`after` of the next page') })
  .meta({ id: 'EventList' });

const after = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0);
const filter = { node: z.string().max(253).optional(), kind: z.string().max(128).optional().describe('prefix') };

export const eventQuery = z.object({
  after: after.describe('events after this position'),
  limit: z.coerce.number().int().min(1).max(LARGEST_PAGE).default(USUAL_PAGE),
  latest: z.stringbool().default(false).describe('the newest `limit` events instead'),
  ...filter,
});

export const eventStreamQuery = z.object({
  after: after.optional().describe('resume after this position; without it and `latest`, from now on'),
  latest: z.coerce.number().int().min(0).max(LARGEST_PAGE).optional().describe('begin with so many of the newest'),
  ...filter,
});

export function toEvent(view: fleet.FleetEvent): z.infer<typeof eventDto> {
  const event = view.event;
  return {
    position: Number(view.position),
    node: view.node,
    receivedAt: timeText(view.receivedAt),
    sequence: Number(event?.sequence ?? 0n),
    at: timeText(event?.at),
    severity: severityWord[event?.severity ?? model.Severity.UNSPECIFIED],
    kind: event?.kind ?? '',
    subject: event?.subject ?? '',
    message: event?.message ?? '',
    attributes: event?.attributes ?? {},
  };
}
