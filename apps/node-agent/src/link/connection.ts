import type { Socket } from 'node:net';
import { type Result, err, ok } from '@keepfleet/wire';
import { z } from 'zod';
import { LINE_LIMIT, LineReader } from './line-reader.ts';

export interface ConnectionListener<Message> {
  message(message: Message): void;
  /** What was written has gone out. */
  drained(): void;
  /** The connection is over; `reason` is missing when the other side just closed it. */
  closed(reason: Error | undefined): void;
}

/** One end of a link: JSON lines, each parsed by `schema`. Anything else on the wire ends the connection. */
export class Connection<Message> {
  readonly #socket: Socket;
  #failure: Error | undefined;

  constructor(socket: Socket, schema: z.ZodType<Message>, listener: ConnectionListener<Message>, limit = LINE_LIMIT) {
    this.#socket = socket;
    const reader = new LineReader(limit);
    socket.on('data', (chunk: Buffer) => {
      for (const line of this.#lines(reader, chunk)) {
        const message = parseLine(line, schema);
        if (!message.ok) return this.#fail(message.error);
        listener.message(message.value);
        if (socket.destroyed) return;
      }
    });
    socket.on('drain', () => listener.drained());
    socket.on('error', (error) => (this.#failure ??= error));
    socket.on('close', () => listener.closed(this.#failure));
  }

  /** More would only pile up in memory: wait for `drained`. */
  get busy(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Whether the other side has taken the connection, and it still holds. */
  get established(): boolean {
    return this.#socket.readyState === 'open';
  }

  send(message: object): void {
    this.sendText(JSON.stringify(message));
  }

  /** A message as its JSON. */
  sendText(json: string): void {
    if (this.#socket.writable) this.#socket.write(`${json}\n`);
  }

  /** Sends what is left, then closes. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #lines(reader: LineReader, chunk: Buffer): string[] {
    try {
      return reader.push(chunk);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return [];
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#socket.destroy();
  }
}

/** A line that is not a message of this link. */
export class BadMessage extends Error {
  override readonly name = 'BadMessage';
}

function parseLine<Message>(line: string, schema: z.ZodType<Message>): Result<Message, BadMessage> {
  const shown = line.length > 120 ? `${line.slice(0, 120)}...` : line;
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch (error) {
    return err(new BadMessage(`not JSON: ${shown}`, { cause: error }));
  }
  const result = schema.safeParse(data);
  if (result.success) return ok(result.data);
  return err(new BadMessage(`${z.prettifyError(result.error)}, in ${shown}`, { cause: result.error }));
}
