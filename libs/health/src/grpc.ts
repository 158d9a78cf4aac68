import { asciiBytes, err, ok } from '@keepfleet/wire';
import { type Conversation, type Judgement, type Step, closedEarly, failed, judged, wait } from './conversation.ts';
import { USER_AGENT } from './http-request.ts';
import type { HeaderFields } from './messages.ts';
import { type GrpcCheckSettings, endpoint } from './settings.ts';

/** A HealthCheckResponse is two octets; a server that sends much more is no health service. */
export const MAX_GRPC_MESSAGE = 4_096;
/** grpc.health.v1.HealthCheckResponse.ServingStatus. */
const servingStatus = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
const SERVING = 1;

/** Names of the status codes of gRPC, by number. */
const statusNames = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS'],
  ...['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED'],
  ...['INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'],
];

/** GRPC_CHECK: Check of grpc.health.v1.Health, over an HTTP/2 connection whose framing is the driver's. */
export class GrpcHealthCall implements Conversation {
  readonly #settings: GrpcCheckSettings;
  #message = new Uint8Array();
  #answered = false;

  constructor(settings: GrpcCheckSettings) {
    this.#settings = settings;
  }

  begin(): Step {
    const { authority, connection, service, tls } = this.#settings;
    return {
      kind: 'request',
      fields: {
        ':method': 'POST',
        ':path': '/grpc.health.v1.Health/Check',
        ':scheme': tls === null ? 'http' : 'https',
        ':authority': authority ?? endpoint(connection),
        'content-type': 'application/grpc',
        te: 'trailers',
        'user-agent': USER_AGENT,
      },
      body: healthCheckRequest(service),
    };
  }

  head(status: number, fields: HeaderFields): Step {
    if (status !== 200) return failed({ kind: 'wrong-status', status, want: '200' });
    if (!/^application\/grpc(?:$|[+;])/.test(fields['content-type'] ?? ''))
      return failed({ kind: 'not-grpc', reason: `its content type is ${fields['content-type'] ?? 'missing'}` });
    this.#answered = true;
    // An answer without a message has its status in the head.
    return fields['grpc-status'] === undefined ? wait : this.trailers(fields);
  }

  data(bytes: Uint8Array): Step {
    if (this.#message.length + bytes.length > MAX_GRPC_MESSAGE)
      return failed({ kind: 'not-grpc', reason: `more than ${MAX_GRPC_MESSAGE} octets` });
    const longer = new Uint8Array(this.#message.length + bytes.length);
    longer.set(this.#message);
    longer.set(bytes, this.#message.length);
    this.#message = longer;
    return wait;
  }

  trailers(fields: HeaderFields): Step {
    const code = fields['grpc-status'] ?? '';
    if (!/^\d{1,3}$/.test(code)) return failed({ kind: 'not-grpc', reason: 'it has no status' });
    if (Number(code) !== 0) return failed({ kind: 'grpc-status', status: statusNames[Number(code)] ?? code });
    return judged(this.#judge());
  }

  ended(): Judgement {
    return this.#answered ? err({ kind: 'not-grpc', reason: 'it ended without a status' }) : closedEarly;
  }

  closed(): Judgement {
    return closedEarly;
  }

  #judge(): Judgement {
    const status = servingStatusIn(this.#message);
    if (status === undefined) return err({ kind: 'not-grpc', reason: 'its message is no HealthCheckResponse' });
    const name = servingStatus[status] ?? `of status ${status}`;
    return status === SERVING ? ok(`says that it is ${name}`) : err({ kind: 'not-serving', status: name });
  }
}

/** One message with its prefix: not compressed, length, field 1 (string). */
function healthCheckRequest(service: string): Uint8Array {
  const name = asciiBytes(service.replace(/[^\x20-\x7e]/g, '?'));
  const message = name.length === 0 ? [] : [0x0a, ...varint(name.length), ...name];
  return Uint8Array.from([0, 0, 0, message.length >> 8, message.length & 0xff, ...message]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** Field 1 of the message behind a prefix; 0 where the field is missing, undefined where the octets are no such message. */
function servingStatusIn(bytes: Uint8Array): number | undefined {
  const length = ((bytes[1] ?? 0) * 0x100_0000 + ((bytes[2] ?? 0) << 16)) | ((bytes[3] ?? 0) << 8) | (bytes[4] ?? 0);
  if (bytes.length < 5 || bytes[0] !== 0 || bytes.length !== 5 + length) return undefined;
  let status = 0;
  for (let at = 5; at < bytes.length;) {
    const tag = readVarint(bytes, at);
    if (tag === undefined) return undefined;
    const value = readVarint(bytes, tag.next);
    if (value === undefined) return undefined;
    const wire = tag.value & 7;
    if (wire === 0) {
      if (tag.value >> 3 === 1) status = value.value;
      at = value.next;
    } else if (wire === 2) {
      // A field that a later version may have.
      at = value.next + value.value;
      if (at > bytes.length) return undefined;
    } else return undefined;
  }
  return status;
}

function readVarint(bytes: Uint8Array, at: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, next: at + i + 1 };
  }
  return undefined;
}
