import type { UpOptions } from './arguments.ts';
import { eventsPath } from './commands.ts';
import { startLab } from './daemon.ts';
import { isRecord } from './protocol.ts';
import { changes, screen } from './screen.ts';
import type { LabEvent, LabStatus } from './status.ts';

const lookMilliseconds = 1_000;
const keptEvents = 8;

/** `up` in the foreground: one live screen on a terminal, lines elsewhere; a signal takes the lab down. */
export async function watchLab(options: UpOptions): Promise<number> {
  const terminal = process.stdout.isTTY;
  const say = (line: string) => process.stdout.write(`${line}\n`);
  let over = false;
  const down = new Promise<void>((resolve) => {
    const end = () => {
      if (over) return;
      over = true;
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
    // A terminal that was closed, or a reader that has gone: nobody watches any more.
    process.stdout.on('error', end);
  });
  let gone: () => void = () => {};
  const ended = new Promise<void>((resolve) => (gone = resolve));
  const { lab, serving, stop } = await startLab(options, say, () => gone());
  let code = 0;
  const complaint = serving.then(
    () => undefined,
    (error: unknown) => {
      code = 1;
      return error instanceof Error ? error.message : String(error);
    },
  );
  const first = await Promise.race([complaint, down.then(() => undefined), ended.then(() => undefined)]);
  if (first !== undefined) say(first);

  const events: LabEvent[] = [];
  let before: LabStatus | undefined;
  const stopped = Promise.race([down.then(() => 'down'), ended.then(() => 'ended')]);
  for (;;) {
    const pause = new Promise<'look'>((resolve) => setTimeout(resolve, lookMilliseconds, 'look'));
    const next = await Promise.race([stopped, before === undefined && !over ? 'look' : pause]);
    if (next === 'ended') return code;
    if (next === 'down') break;
    const status = await lab.status();
    const at = new Date().toISOString();
    const news = before === undefined ? [] : changes(before, status).map((text) => ({ at, text }));
    before = status;
    if (terminal) {
      events.push(...news);
      events.splice(0, events.length - keptEvents);
      const told = await controllerEvents(status);
      const shown = first === undefined ? (told ?? events) : [...events, { at, text: first }];
      draw(screen(status, shown, process.stdout.columns || undefined));
    } else {
      for (const { at: when, text } of news) say(`${when} ${text}`);
    }
  }
  say(terminal ? '\ntaking the lab down' : 'taking the lab down');
  await stop();
  return code;
}

function draw(lines: string[]): void {
  // Home, each line cleared to its end, then the rest of the screen: no flicker.
  const rows = process.stdout.rows || lines.length + 1;
  process.stdout.write(
    `\x1b[H${lines
      .slice(0, rows - 1)
      .map((line) => `${line}\x1b[K\n`)
      .join('')}\x1b[J`,
  );
}

/** The controller's own last events; undefined when it does not answer, and what the lab saw is shown. */
async function controllerEvents(status: LabStatus): Promise<LabEvent[] | undefined> {
  try {
    const response = await fetch(status.controller.rest + eventsPath, { signal: AbortSignal.timeout(500) });
    const body: unknown = await response.json();
    const list = isRecord(body) ? body['events'] : undefined;
    if (!response.ok || !Array.isArray(list)) return undefined;
    return list.filter(isRecord).slice(-keptEvents).map(eventLine);
  } catch {
    return undefined;
  }
}

function eventLine(event: Record<string, unknown>): LabEvent {
  const text = (name: string) => (typeof event[name] === 'string' ? event[name] : '');
  return { at: text('at'), text: `${text('node')} ${text('message')}`.trim() };
}
