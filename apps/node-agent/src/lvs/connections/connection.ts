import type { HeaderFields } from '@keepfleet/health';

/** What becomes of a connection. Called in later tasks, never while it is being opened; after `close` not at all. */
export interface ConnectionListener {
  connected(): void;
  data(bytes: Uint8Array): void;
  head(status: number, fields: HeaderFields): void;
  trailers(fields: HeaderFields): void;
  /** HTTP/2 only: the answer is complete. */
  ended(): void;
  /** The other side sends no more. */
  closed(): void;
  /** Words, to follow the name of what was asked. */
  error(reason: string): void;
  /** The same for want of something on this node, whatever the server does. */
  unable(reason: string): void;
}

/** A connection to a real server that is being checked, from its first step on. */
export interface Connection {
  send(bytes: Uint8Array): void;
  /** HTTP/2 only. */
  request(fields: HeaderFields, body: Uint8Array): void;
  close(): void;
}
