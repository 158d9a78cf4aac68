import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type RequestListener, createServer } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, type Server, createServer as createPlainServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  ConnectionSettings,
  HttpCheckSettings,
  ScheduledCheckSettings,
  TlsSettings,
  UrlSettings,
} from '@keepfleet/health';
import { seconds } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { CheckerDriver } from './checker-driver.ts';

const schedule = {
  delayLoop: seconds(60),
  retry: 0,
  delayBeforeRetry: seconds(1),
  warmup: seconds(0),
  alpha: false,
  logAllFailures: false,
  rise: 1,
  latency: null,
};

const url: UrlSettings = {
  path: '/',
  virtualHost: null,
  statusCodes: [],
  digest: null,
  pattern: null,
  method: 'GET',
  headers: [],
  body: null,
};

const tls: TlsSettings = {
  serverName: null,
  verify: false,
  authorities: null,
  verifyName: null,
  certificate: null,
  key: null,
  passphrase: null,
  compliant: false,
};

function connection(port: number, options: Partial<ConnectionSettings> = {}): ConnectionSettings {
  return {
    address: ip('127.0.0.1'),
    port,
    bindAddress: null,
    bindPort: null,
    bindInterface: null,
    fwmark: null,
    connectTimeout: seconds(120),
    ...options,
  };
}

function http(port: number, options: Partial<HttpCheckSettings> = {}): HttpCheckSettings {
  return {
    kind: 'http',
    schedule,
    connection: connection(port),
    tls: null,
    protocol: '1.0',
    virtualHost: null,
    urls: [url],
    fastRecovery: false,
    ...options,
  };
}

const servers: Server[] = [];

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const web = (listener: RequestListener) => listening(createServer(listener));

/** Blocks this process, as the pause of a virtual machine does. */
function holdUp(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const CUT = 'closed the connection before its answer was complete';

/** RFC 9113 section 4.1. */
function frame(type: number, flags: number, payload = '', stream = 1): Buffer {
  return Buffer.concat([
    Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]),
    Buffer.from(payload, 'latin1'),
  ]);
}

/** How the first run ends. */
function firstRun(settings: ScheduledCheckSettings): Promise<string> {
  return new Promise((resolve) => {
    const driver = new CheckerDriver(settings, true, {
      ran: (_, result) => {
        driver.stop();
        resolve(result);
      },
      notRun: (reason) => resolve(`not run: ${reason}`),
      verdict: () => undefined,
      weight: () => undefined,
    });
    driver.start();
  });
}

describe('a checker on real sockets', () => {
  afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });

  it('connects', async () => {
    const port = await listening(createPlainServer((socket) => socket.on('error', () => socket.destroy()).resume()));
    expect(await firstRun({ kind: 'tcp', schedule, connection: connection(port) })).toBe('accepted a connection');
  });

  it('says that nobody listens', async () => {
    const server = createPlainServer();
    const port = await listening(server);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    expect(await firstRun({ kind: 'tcp', schedule, connection: connection(port) })).toBe('refused the connection');
  });

  it('connects from the bindto address', async () => {
    const sources: (string | undefined)[] = [];
    const port = await web((request, response) => {
      sources.push(request.socket.remoteAddress);
      response.end();
    });
    const bound = http(port, { connection: connection(port, { bindAddress: ip('127.0.0.9') }) });
    expect(await firstRun(bound)).toBe('answered 200');
    expect(sources).toEqual(['127.0.0.9']);
  });

  it('says that the node does not have the bindto address', async () => {
    const foreign = http(80, { connection: connection(80, { bindAddress: ip('192.0.2.77') }) });
    expect(await firstRun(foreign)).toMatch(/this node does not have it/);
  });

  it('reads an answer of any size and takes its digest', async () => {
    const body = 'x'.repeat(1_000_000);
    const port = await web((_, response) => response.end(body));
    const digest = createHash('md5').update(body).digest('hex');
    const urls = [{ ...url, digest }];
    expect(await firstRun(http(port, { urls }))).toBe('answered 200, the digest fits');
  });

  it('asks an HTTP/1.1 server that sends chunks', async () => {
    const port = await web((request, response) => {
      response.statusCode = request.headers.host === 'a.example' ? 200 : 404;
      response.write('a');
      response.end('b');
    });
    const digest = createHash('md5').update('ab').digest('hex');
    const urls = [{ ...url, virtualHost: 'a.example', digest }];
    expect(await firstRun(http(port, { protocol: '1.1', urls }))).toBe('answered 200, the digest fits');
  });

  it('gives up a server that accepts and says nothing', async () => {
    const port = await listening(createPlainServer((socket) => socket.on('error', () => socket.destroy()).resume()));
    const hasty = http(port, { connection: connection(port, { connectTimeout: seconds(1) }) });
    expect(await firstRun(hasty)).toBe('did not answer within 1 s');
  });

  it('reads an answer that came while this process was held up before it finds it late', async () => {
    const port = await listening(
      createPlainServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.on('data', () => {
          socket.end('HTTP/1.0 200 OK\r\n\r\n');
          holdUp(3_500);
        });
      }),
    );
    const hasty = http(port, { connection: connection(port, { connectTimeout: seconds(3) }) });
    expect(await firstRun(hasty)).toBe('answered 200');
  });

  it('asks over TLS, whoever signed the certificate, and names the host', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kf-lvs-'));
    const file = (name: string) => join(directory, name);
    try {
      execFileSync(
        'openssl',
        [
          ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
          ...['-subj', '/CN=w1.example', '-keyout', file('key'), '-out', file('certificate')],
        ],
        { stdio: 'ignore' },
      );
      const names: unknown[] = [];
      const server = createSecureServer(
        { key: readFileSync(file('key')), cert: readFileSync(file('certificate')) },
        (request, response) => {
          names.push('servername' in request.socket && request.socket.servername);
          response.statusCode = 503;
          response.end();
        },
      );
      const port = await listening(server);
      expect(await firstRun(http(port, { tls: { ...tls, serverName: 'w1.example' } }))).toBe(
        'answered 503, want 200-299',
      );
      expect(names).toEqual(['w1.example']);
      writeFileSync(file('empty'), 'nothing\n');
      const first = (more: Partial<TlsSettings>) => firstRun(http(port, { tls: { ...tls, ...more } }));
      const known = { serverName: 'w1.example', verify: true, authorities: file('certificate') };
      expect(await first(known)).toBe('answered 503, want 200-299');
      const missing = { authorities: file('missing') };
      expect(await first(missing)).toMatch(/^not run: the file .*missing cannot be read: /);
      expect(await first({ authorities: file('empty') })).toMatch(/^not run: the file .*empty of tls_ca holds no cert/);
      const mixed = { certificate: file('certificate'), key: file('empty') };
      expect(await first(mixed)).toMatch(/^not run: its own TLS files do not fit/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('runs a script as it is told, and says how it ended', async () => {
    const misc = (timeout: number, ...argv: readonly string[]): ScheduledCheckSettings => ({
      kind: 'misc',
      schedule,
      argv,
      user: null,
      timeout: seconds(timeout),
      dynamic: false,
      secure: false,
    });
    expect(await firstRun(misc(120, 'true'))).toBe('exited with status 0');
    expect(await firstRun(misc(120, '/bin/sh', '-c', 'exit 3'))).toBe('exited with status 3');
    expect(await firstRun(misc(120, '/bin/sh', '-c', 'kill -9 $$'))).toBe('was ended by SIGKILL');
    expect(await firstRun(misc(3, '/bin/sh', '-c', 'sleep 600 & wait'))).toBe('did not end within 3 s');
    expect(await firstRun(misc(120, '/nowhere/check'))).toBe('cannot be run: there is no program /nowhere/check');
  });

  it('looks for patterns, and gives up one that would take for ever', async () => {
    const port = await web((_, response) => response.end(`${'a'.repeat(40)}!`));
    const pattern = { source: 'a!$', flags: '', negate: false, from: 0, before: null };
    expect(await firstRun(http(port, { urls: [{ ...url, pattern }] }))).toBe('answered 200, the pattern fits');
    const slow = { ...pattern, source: '^(a+)+$' };
    expect(await firstRun(http(port, { urls: [{ ...url, pattern: slow }] }))).toMatch(/write a simpler regex/);
  });

  it('gives up a pattern that runs out of room on its way', async () => {
    const port = await web((_, response) => response.end('a'.repeat(1_000_000)));
    const pattern = { source: '^(?:((((((((a))))))))|b)*x', flags: '', negate: false, from: 0, before: null };
    expect(await firstRun(http(port, { urls: [{ ...url, pattern }] }))).toMatch(/write a simpler regex/);
  });

  it('that breaks is one that could not be made, and comes again', async () => {
    const port = await web((_, response) => response.end('a'));
    const pattern = { source: '(', flags: '', negate: false, from: 0, before: null };
    expect(await firstRun(http(port, { urls: [{ ...url, pattern }] }))).toMatch(/^not run: it breaks on what/);
  });

  it.each([
    ['Connection', 'close'],
    ['TE', 'gzip'],
  ])('is not made where HTTP/2 has no field %s: %s', async (name, value) => {
    const port = await listening(createHttp2());
    const urls = [{ ...url, headers: [{ name, value }] }];
    expect(await firstRun(http(port, { protocol: '2', urls }))).toMatch(/^not run: it cannot be made: HTTP\/1/);
  });

  it.each([
    ['passes', 'END_STREAM', [frame(0, 1, 'all')], 'answered 200'],
    ['passes', 'an empty frame with END_STREAM', [frame(0, 0, 'all'), frame(0, 1)], 'answered 200'],
    ['passes', 'END_STREAM, and the connection with it', [frame(0, 1, 'all'), 'end'], 'answered 200'],
    ['fails', 'RST_STREAM(NO_ERROR)', [frame(0, 0, 'half'), frame(3, 0, '\0\0\0\0')], CUT],
    ['fails', 'RST_STREAM(CANCEL)', [frame(0, 0, 'half'), frame(3, 0, '\0\0\0\b')], CUT],
    ['fails', 'RST_STREAM(CANCEL) behind its head', [frame(3, 0, '\0\0\0\b')], CUT],
    ['fails', 'RST_STREAM(INTERNAL_ERROR)', [frame(0, 0, 'half'), frame(3, 0, '\0\0\0\x02')], CUT],
    ['fails', 'the end of the connection', [frame(0, 0, 'half'), 'end'], CUT],
    ['fails', 'GOAWAY and that', [frame(0, 0, 'half'), frame(7, 0, '\0\0\0\x01\0\0\0\0', 0), 'end'], CUT],
  ] as const)('%s by an HTTP/2 answer that ends by %s', async (_, __, frames, result) => {
    const port = await listening(
      createPlainServer((socket) => {
        socket.on('error', () => socket.destroy());
        // Of a client: a preface of 24 octets and frames, HEADERS among them.
        socket.write(Buffer.concat([frame(4, 0, '', 0), frame(4, 1, '', 0)]));
        let heard = Buffer.alloc(0);
        let answered = false;
        socket.on('data', (bytes: Buffer) => {
          heard = Buffer.concat([heard, bytes]);
          if (answered || !heard.includes(Buffer.from([1, 5, 0, 0, 0, 1]))) return;
          answered = true;
          // 0x88 is `:status: 200` of the static table (RFC 7541 appendix A).
          const answer = [frame(1, 4, '\x88'), ...frames.flatMap((one) => (one === 'end' ? [] : [one]))];
          if (frames.some((one) => one === 'end')) socket.end(Buffer.concat(answer));
          else socket.write(Buffer.concat(answer));
        });
      }),
    );
    expect(await firstRun(http(port, { protocol: '2' }))).toBe(result);
  });

  it('says that a server does not speak TLS', async () => {
    const port = await web((_, response) => response.end());
    expect(await firstRun(http(port, { tls }))).toBe('does not speak TLS');
  });
});
