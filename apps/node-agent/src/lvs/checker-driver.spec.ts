import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type RequestListener, createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, type Server, createServer as createPlainServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CheckerSettings, ConnectionSettings, HttpCheckSettings } from '@keepfleet/health';
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
};

function connection(port: number, options: Partial<ConnectionSettings> = {}): ConnectionSettings {
  return {
    address: ip('127.0.0.1'),
    port,
    bindAddress: null,
    bindPort: null,
    bindInterface: null,
    fwmark: null,
    connectTimeout: seconds(10),
    ...options,
  };
}

function http(port: number, options: Partial<HttpCheckSettings> = {}): HttpCheckSettings {
  return {
    kind: 'http',
    schedule,
    connection: connection(port),
    tls: false,
    serverName: null,
    protocol: '1.0',
    virtualHost: null,
    urls: [{ path: '/', virtualHost: null, statusCodes: [], digest: null }],
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

/** How the first run ends. */
function firstRun(settings: CheckerSettings): Promise<string> {
  return new Promise((resolve) => {
    const driver = new CheckerDriver(settings, true, {
      ran: (_, result) => {
        driver.stop();
        resolve(result);
      },
      verdict: () => undefined,
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
    const urls = [{ path: '/', virtualHost: null, statusCodes: [], digest }];
    expect(await firstRun(http(port, { urls }))).toBe('answered 200, the digest fits');
  });

  it('asks an HTTP/1.1 server that sends chunks', async () => {
    const port = await web((request, response) => {
      response.statusCode = request.headers.host === 'a.example' ? 200 : 404;
      response.write('a');
      response.end('b');
    });
    const digest = createHash('md5').update('ab').digest('hex');
    const urls = [{ path: '/', virtualHost: 'a.example', statusCodes: [], digest }];
    expect(await firstRun(http(port, { protocol: '1.1', urls }))).toBe('answered 200, the digest fits');
  });

  it('gives up a server that accepts and says nothing', async () => {
    const port = await listening(createPlainServer((socket) => socket.on('error', () => socket.destroy()).resume()));
    expect(await firstRun(http(port, { connection: connection(port, { connectTimeout: seconds(1) }) }))).toBe(
      'did not answer within 1 s',
    );
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
      expect(await firstRun(http(port, { tls: true, serverName: 'w1.example' }))).toBe('answered 503, want 200-299');
      expect(names).toEqual(['w1.example']);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('says that a server does not speak TLS', async () => {
    const port = await web((_, response) => response.end());
    expect(await firstRun(http(port, { tls: true }))).toMatch(/^cannot be asked: /);
  });
});
