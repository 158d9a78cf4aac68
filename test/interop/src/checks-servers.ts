import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttp2 } from 'node:http2';
import { type Socket, createServer, isIP } from 'node:net';
import { type Socket as Datagrams, createSocket } from 'node:dgram';
import { join } from 'node:path';
import { TLSSocket, createSecureContext } from 'node:tls';
import { Server as GrpcServer, ServerCredentials, type handleUnaryCall, status } from '@grpc/grpc-js';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { BFD_TIMES, FAR, SERVER, SERVER6, clients, ports, programs, sequences } from './checks-plan.ts';

// The servers that are checked, in a namespace of their own: real ones, and some that behave badly on purpose. Prints
// `ready` when all of them listen, `answered PORT ADDRESS` when a sequence has been given to its end and more, and `ended` when
// it speaks BFD no longer, which it does until a line comes.

const directory = process.argv[2] ?? '/run/kf-checks';
const file = (name: string) => join(directory, name);
mkdirSync(directory, { recursive: true });

const hold = (socket: Socket) => socket.on('error', () => socket.destroy());

/** Longer than any answer of a healthy server, and shorter than any time limit. */
const SLOW_MS = 1_000;

const LONGER = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n';

/** Says something at once, or when asked, and then what `then` says. */
function badServer(port: number, behave: (socket: Socket) => void): Promise<void> {
  return new Promise((resolve) => {
    createServer((socket) => {
      hold(socket);
      behave(socket);
    }).listen(port, '0.0.0.0', resolve);
  });
}

function badTls(port: number, behave: (socket: TLSSocket, below: Socket) => void): Promise<void> {
  const secureContext = createSecureContext({
    key: readFileSync(file('key')),
    cert: readFileSync(file('certificate')),
  });
  return badServer(port, (below) => {
    const socket = new TLSSocket(below, { isServer: true, secureContext });
    hold(socket);
    socket.once('data', () => behave(socket, below));
  });
}

/** Answers each asker by its own count. */
function sequence(port: number, answers: string): Promise<void> {
  const asked = new Map<string, number>();
  return badServer(port, (socket) =>
    socket.once('data', () => {
      const asker = socket.remoteAddress ?? '';
      const before = asked.get(asker) ?? 0;
      asked.set(asker, before + 1);
      if (before === answers.length + 1) process.stdout.write(`answered ${port} ${asker}\n`);
      const well = (answers[before] ?? answers.at(-1)) === 'g';
      socket.end(`HTTP/1.0 ${well ? '200 OK' : '503 No'}\r\n\r\nhello\n`);
    }),
  );
}

function nginx(): void {
  writeFileSync(
    file('nginx.conf'),
    `daemon off; worker_processes 1; pid ${file('nginx.pid')}; error_log ${file('nginx.log')};
     events { worker_connections 64; }
     http {
       access_log off; default_type text/plain;
       client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory};
       uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
       server {
         listen ${ports.http}; listen [::]:${ports.http}; listen ${ports.suspended}; listen ${ports.https} ssl http2; listen [::]:${ports.https} ssl http2; listen ${ports.http2} http2;
         ssl_certificate ${file('certificate')}; ssl_certificate_key ${file('key')};
         location = / { return 200 "hello\\n"; }
         location = /name { return 200 "$ssl_server_name\\n"; }
         location = /host { return 200 "$host\\n"; }
         location = /sick { return 503; }
         location = /post {
           if ($request_method != POST) { return 405; }
           if ($http_x_word != "w") { return 400; }
           if ($content_length != 5) { return 411; }
           return 200;
         }
         location = /moved { return 302 /; }
       }
       server {
         listen ${ports.expired} ssl http2; ssl_certificate ${file('expired')}; ssl_certificate_key ${file('key')};
         return 200 "hello\\n";
       }
     }`,
  );
  spawn('nginx', ['-e', file('nginx.log'), '-c', file('nginx.conf')], { stdio: 'ignore' });
}

/** grpc.health.v1.Health; the status of a service is the second octet of its message. */
function grpcHealth(): Promise<unknown> {
  const SERVING = Buffer.from('0801', 'hex');
  const NOT_SERVING = Buffer.from('0802', 'hex');
  const check: handleUnaryCall<Buffer, Buffer> = ({ request }, answer) => {
    // Field 1, a text: a tag and a length of one octet each.
    const service = request.subarray(2).toString('latin1');
    if (service === '') answer(null, SERVING);
    else if (service === 'sick') answer(null, NOT_SERVING);
    else if (service === 'slow') setTimeout(() => answer(null, SERVING), SLOW_MS);
    else if (service !== 'hung') answer({ code: status.NOT_FOUND });
  };
  const server = new GrpcServer();
  const same = (bytes: Buffer) => bytes;
  const method = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService({ check: method }, { check });
  const secure = (certificate: string) =>
    ServerCredentials.createSsl(null, [
      { private_key: readFileSync(file('key')), cert_chain: readFileSync(file(certificate)) },
    ]);
  const listen = (port: number, credentials: ServerCredentials) =>
    new Promise<void>((resolve, reject) => {
      server.bindAsync(`[::]:${port}`, credentials, (error) => (error === null ? resolve() : reject(error)));
    });
  return Promise.all([
    listen(ports.grpc, ServerCredentials.createInsecure()),
    listen(ports.grpcTls, secure('certificate')),
    listen(ports.grpcExpired, secure('expired')),
  ]);
}

function badHttp2(): Promise<void> {
  const server = createHttp2();
  server.on('session', (session) => session.on('error', () => session.destroy()));
  server.on('stream', (stream, { ':path': path }) => {
    stream.on('error', () => stream.destroy());
    if (path === '/reset') return stream.session?.socket.destroy();
    if (path === '/slow') return setTimeout(() => stream.end('hello\n'), SLOW_MS);
    stream.respond({ ':status': 200, ...(path === '/cut' ? { 'content-length': 6 } : {}) });
    // After what was written has gone.
    if (path === '/cut') stream.write('hel', () => setTimeout(() => stream.session?.socket.destroy(), SLOW_MS));
    return;
  });
  return new Promise((resolve) => server.listen(ports.badHttp2, '0.0.0.0', resolve));
}

/** Half an answer, and RST_STREAM(CANCEL): Node would end the stream in order first. */
function cutHttp2(): Promise<void> {
  const settings = '000000040000000000' + '000000040100000000';
  const answer = '00000101040000000188' + '000003000000000001' + '68656c' + '000004030000000001' + '00000008';
  return badServer(ports.cutHttp2, (socket) => {
    socket.write(Buffer.from(settings, 'hex'));
    let heard = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      const before = heard;
      heard = Buffer.concat([heard, bytes]);
      // HEADERS, with the end of its stream.
      const asked = Buffer.from('010500000001', 'hex');
      if (heard.includes(asked) && !before.includes(asked)) socket.write(Buffer.from(answer, 'hex'));
    });
  });
}

function smtp(port: number, more: SMTPServerOptions = {}): Promise<void> {
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    key: readFileSync(file('key')),
    cert: readFileSync(file('certificate')),
    ...more,
  });
  server.on('error', () => undefined);
  return new Promise((resolve) => server.listen(port, '::', resolve));
}

function datagrams(
  port: number,
  behave?: (bytes: Buffer, answer: (bytes: Buffer) => void) => void,
  address = '0.0.0.0',
): Promise<Datagrams> {
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
  socket.on('message', (bytes, from) => behave?.(bytes, (reply) => socket.send(reply, from.port, from.address)));
  return new Promise((resolve) => socket.bind(port, address, () => resolve(socket)));
}

/** Of each question its own, so that every answer finds its asker. */
function slowDns(): Promise<Datagrams> {
  return datagrams(ports.slowDns, (bytes, answer) => {
    const ahead = createSocket('udp4');
    ahead.once('message', (reply: Buffer) => {
      ahead.close();
      setTimeout(() => answer(reply), SLOW_MS);
    });
    ahead.send(bytes, ports.dns, '127.0.0.1');
  });
}

function bfd() {
  const neighbours = programs.map(
    (who) => `bfd_instance ${who} {\n neighbor_ip ${clients[who].address}\n source_ip ${SERVER}\n ${BFD_TIMES}\n}`,
  );
  writeFileSync(file('bfd.conf'), neighbours.join('\n'));
  const pids = ['p', 'c', 'b'].flatMap((option) => [`-${option}`, file(`bfd-${option}.pid`)]);
  return spawn('keepalived', ['-n', '-l', '-f', file('bfd.conf'), ...pids], { stdio: 'ignore' });
}

nginx();
spawn(
  'dnsmasq',
  [
    ...['-k', '-C', '/dev/null', '-p', String(ports.dns), '--no-resolv', '--no-hosts', '-u', 'root', '--pid-file'],
    ...['--address=/www.example/192.0.2.7', '--local=/nowhere.example/'],
  ],
  { stdio: 'ignore' },
);
const neighbour = bfd();
await Promise.all([
  // From the address that was asked, which one on any address would not answer from.
  ...[SERVER, FAR, SERVER6].map((address) => datagrams(ports.echo, (bytes, answer) => answer(bytes), address)),
  datagrams(ports.slowEcho, (bytes, answer) => setTimeout(() => answer(bytes), SLOW_MS)),
  datagrams(ports.silent),
  slowDns(),
  // A header without its last two octets.
  datagrams(ports.cutDns, (bytes, answer) => answer(Buffer.concat([bytes.subarray(0, 2), Buffer.alloc(8, 0x80)]))),
  smtp(ports.smtp),
  smtp(ports.slowSmtp, { onConnect: (_, callback) => void setTimeout(callback, SLOW_MS) }),
  badServer(ports.busySmtp, (socket) => socket.end('421 too busy\r\n')),
  badServer(ports.hungSmtp, (socket) => socket.write('220 mail\r\n')),
  badServer(ports.halfSmtp, (socket) => socket.write('220-mail\r\n22')),
  badServer(ports.mutedSmtp, (socket) => {
    socket.write('220 mail\r\n');
    socket.once('data', () => socket.write('250 well\r\n'));
  }),
  badServer(ports.resetSmtp, (socket) => {
    socket.write('220 mail\r\n');
    socket.once('data', () => socket.resetAndDestroy());
  }),
  badServer(ports.lyingSmtp, (socket) => socket.write('SSH-2.0-mail\r\n')),
  badServer(ports.hung, (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-')),
  badServer(ports.half, (socket) => socket.once('data', () => socket.write(`${LONGER}hel`))),
  badServer(ports.short, (socket) => socket.once('data', () => socket.end(`${LONGER}hel`))),
  badServer(ports.interim, (socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(4_096))),
  ),
  badServer(ports.slowTcp, (socket) => socket.resume()),
  badServer(ports.mute, (socket) => socket.resume()),
  badServer(ports.reset, (socket) => socket.once('data', () => socket.resetAndDestroy())),
  badServer(ports.lying, (socket) => socket.once('data', () => socket.end('220 this is not HTTP\r\n'))),
  badServer(ports.slow, (socket) =>
    socket.once('data', () => setTimeout(() => socket.end('HTTP/1.0 200 OK\r\n\r\nhello\n'), SLOW_MS)),
  ),
  badServer(ports.bodyless, (socket) => socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\n'))),
  // A record is announced, and the beginning of a ServerHello is all that comes of it.
  badServer(ports.halfTls, (socket) =>
    socket.once('data', () => socket.write(Buffer.from('160303007a020000760303', 'hex'))),
  ),
  badTls(ports.slowTls, (socket) => setTimeout(() => socket.end('HTTP/1.0 200 OK\r\n\r\nhello\n'), SLOW_MS)),
  badTls(ports.hungTls, (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-')),
  badTls(ports.resetTls, (_, below) => below.resetAndDestroy()),
  badTls(ports.lyingTls, (socket) => socket.end('220 this is not HTTP\r\n')),
  ...Object.values(sequences).map(({ port, answers }) => sequence(port, answers)),
  grpcHealth(),
  badHttp2(),
  cutHttp2(),
]);
process.stdout.write('ready\n');
process.stdin
  .on('data', () => {
    neighbour.once('exit', () => process.stdout.write('ended\n'));
    neighbour.kill('SIGKILL');
  })
  .on('end', () => process.exit());
