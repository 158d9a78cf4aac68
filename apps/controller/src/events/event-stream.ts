import { Readable } from 'node:stream';
import type { fleet } from '@keepfleet/rpc';
import { toEvent } from './event.dto.ts';

/** Server-sent events when asked for, else one JSON text a line. */
export type StreamFormat = 'sse' | 'ndjson';

/** A silent stream says so often that it is alive, so that proxies keep it and readers notice when it is not. */
const KEEP_ALIVE_MS = 15_000;

export function contentType(format: StreamFormat): string {
  return format === 'sse' ? 'text/event-stream' : 'application/x-ndjson';
}

/** Events as bytes; reads on only as fast as they are taken. */
export function eventStream(events: AsyncGenerator<fleet.FleetEvent>, format: StreamFormat): Readable {
  return Readable.from(withKeepAlive(events, format), { objectMode: false });
}

async function* withKeepAlive(events: AsyncGenerator<fleet.FleetEvent>, format: StreamFormat): AsyncGenerator<string> {
  yield quiet(format);
  let next = events.next();
  for (;;) {
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), KEEP_ALIVE_MS);
    });
    const result = await Promise.race([next, pause]).finally(() => clearTimeout(timer));
    if (result === undefined) {
      yield quiet(format);
      continue;
    }
    if (result.done === true) return;
    yield line(result.value, format);
    next = events.next();
  }
}

function line(event: fleet.FleetEvent, format: StreamFormat): string {
  const json = JSON.stringify(toEvent(event));
  return format === 'sse' ? `id: ${event.position}\nevent: event\ndata: ${json}\n\n` : `${json}\n`;
}

/** A comment in one format, an empty line in the other: both mean nothing. */
function quiet(format: StreamFormat): string {
  return format === 'sse' ? ': alive\n\n' : '\n';
}
