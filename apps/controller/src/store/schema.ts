import type { Generated } from 'kysely';

/** Times are milliseconds since 1970, lists and maps JSON text. */
export interface Schema {
  nodes: NodeRow;
  events: EventRow;
  event_marks: EventMarkRow;
  operations: OperationRow;
}

/** What a node said of itself when it last connected; its state is never kept, because it would be old. */
export interface NodeRow {
  name: string;
  labels: string;
  version: string;
  epoch: string;
  started_at: number | null;
  remote_address: string;
  last_heard_at: number;
}

export interface EventRow {
  position: Generated<number>;
  /** Empty for what is about the controller itself. */
  node: string;
  epoch: string;
  sequence: number;
  received_at: number;
  at: number | null;
  severity: number;
  kind: string;
  subject: string;
  message: string;
  attributes: string;
}

/** The last stored sequence of each node's epoch: kept when the events themselves are removed for age. */
export interface EventMarkRow {
  node: string;
  epoch: string;
  through: number;
}

export interface OperationRow {
  number: Generated<number>;
  id: string;
  kind: string;
  target: string;
  /** The change as JSON, see operations/change.ts. */
  change: string;
  actor: string;
  reason: string;
  phase: number;
  steps: string;
  blocked: string;
  result: string;
  created_at: number;
  deadline: number;
  ended_at: number | null;
  forced: number;
  revision: number;
  idempotency_key: string | null;
  /** The request that the key came with, to tell a repetition from another request. */
  fingerprint: string;
}
