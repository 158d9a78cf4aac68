import { asciiBytes, latin1Text } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_HEAD, MAX_INTERIM, type ResponseError, ResponseReader } from './index.ts';

interface Outcome {
  readonly status: number | undefined;
  readonly body: string;
  readonly done: boolean;
  readonly error: ResponseError['kind'] | undefined;
}

/** Reads an answer cut into pieces of `size` bytes; `closed` says whether the other side then closes. */
function read(answer: string, size = answer.length, closed = true): Outcome {
  let body = '';
  const reader = new ResponseReader((bytes) => (body += latin1Text(bytes)));
  const bytes = asciiBytes(answer);
  for (let at = 0; at < bytes.length; at += size) {
    const result = reader.push(bytes.subarray(at, at + size));
    if (!result.ok) return { status: reader.status, body, done: reader.done, error: result.error.kind };
  }
  const end = closed ? reader.end() : undefined;
  return { status: reader.status, body, done: reader.done, error: end && !end.ok ? end.error.kind : undefined };
}

// Answers of nginx 1.22.1 (Debian 12) and of RFC 9112, with what they mean.
const answers: readonly (readonly [name: string, answer: string, status: number, body: string])[] = [
  ['with a length', 'HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 3\r\n\r\nW1\n', 200, 'W1\n'],
  ['of no length, ended by closing', 'HTTP/1.0 200 OK\r\nServer: nginx\r\n\r\nhello', 200, 'hello'],
  [
    'in chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n',
    200,
    'abcde',
  ],
  [
    'in chunks with a trailer',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n1\r\na\r\n0\r\nA: b\r\n\r\n',
    200,
    'a',
  ],
  ['without a body', 'HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
  ['with an empty body', 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n', 503, ''],
  ['after an interim answer', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx', 200, 'x'],
  [
    'after as many interim answers as may be',
    `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(MAX_INTERIM)}HTTP/1.1 200 OK\r\n\r\n`,
    200,
    '',
  ],
  ['with bare line feeds', 'HTTP/1.0 301 Moved\nContent-Length: 2\n\nab', 301, 'ab'],
  ['without a reason phrase', 'HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n', 404, ''],
];

const broken: readonly (readonly [name: string, answer: string, kind: ResponseError['kind']])[] = [
  ['a banner of SSH', 'SSH-2.0-OpenSSH_9.2p1\r\n', 'not-http'],
  ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'not-http'],
  ['a status that is no number', 'HTTP/1.1 abc\r\n\r\n', 'not-http'],
  ['a header without end', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(MAX_HEAD)}`, 'head-too-long'],
  ['interim answers without end', 'HTTP/1.1 100\r\n\r\n'.repeat(MAX_INTERIM + 1), 'too-many-interim'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n', 'bad-content-length'],
  ['a chunk size that is no number', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'bad-chunk'],
  ['a chunk longer than its size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n', 'bad-chunk'],
  ['half a header', 'HTTP/1.1 200 OK\r\nConte', 'closed-early'],
  ['half a body', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab', 'closed-early'],
  ['no last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n', 'closed-early'],
  ['nothing', '', 'closed-early'],
];

describe('an HTTP answer', () => {
  it.each(answers)('%s is read alike in one piece and byte by byte', (_name, answer, status, body) => {
    expect(read(answer)).toEqual({ status, body, done: true, error: undefined });
    expect(read(answer, 1)).toEqual({ status, body, done: true, error: undefined });
  });

  it.each(broken)('with %s is refused by its kind', (_name, answer, kind) => {
    expect(read(answer, Math.max(1, answer.length)).error).toBe(kind);
    expect(read(answer, 1).error).toBe(kind);
  });

  it('with a length is complete before the connection closes', () => {
    expect(read('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx', 7, false).done).toBe(true);
  });

  it('of any bytes in any pieces never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.boolean(), (pieces, begun) => {
        const reader = new ResponseReader(() => undefined);
        if (begun) reader.push(asciiBytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'));
        for (const piece of pieces) if (!reader.push(piece).ok) return;
        reader.end();
      }),
    );
  });
});
