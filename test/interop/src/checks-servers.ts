import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { type Socket, createServer } from 'node:net';
import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { ports } from './checks-plan.ts';

// The servers that are checked, in a namespace of their own: real ones, and some that behave badly on purpose. Prints
// `ready` when all of them listen.

const directory = process.argv[2] ?? '/run/kf-checks';
const file = (name: string) => join(directory, name);
mkdirSync(directory, { recursive: true });

const hold = (socket: Socket) => socket.on('error', () => socket.destroy());

/** Says something at once, or when asked, and then what `then` says. */
function badServer(port: number, behave: (socket: Socket) => void): Promise<void> {
  return new Promise((resolve) => {
    createServer((socket) => {
      hold(socket);
      behave(socket);
    }).listen(port, '0.0.0.0', resolve);
  });
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
         listen ${ports.http}; listen ${ports.https} ssl; listen ${ports.http2} http2;
         ssl_certificate ${file('certificate')}; ssl_certificate_key ${file('key')};
         location = / { return 200 "hello\\n"; }
         location = /host { return 200 "$host\\n"; }
         location = /sick { return 503; }
         location = /moved { return 302 /; }
       }
     }`,
  );
  spawn('nginx', ['-e', file('nginx.log'), '-c', file('nginx.conf')], { stdio: 'ignore' });
}

const frame = (hex: string) => Buffer.from(hex, 'hex');

/** grpc.health.v1.Health over HTTP/2 with prior knowledge: SERVING, or for "sick" NOT_SERVING, or status 5. */
function grpcHealth(): Promise<void> {
  const server = createHttp2();
  server.on('stream', (stream: ServerHttp2Stream) => {
    const parts: Buffer[] = [];
    stream.on('error', () => stream.destroy());
    stream.on('data', (bytes: Buffer) => parts.push(bytes));
    stream.on('end', () => {
      const asked = Buffer.concat(parts).subarray(7).toString('latin1');
      const known = asked === '' || asked === 'sick';
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': known ? '0' : '5' }));
      if (known) stream.write(frame(asked === 'sick' ? '00000000020802' : '00000000020801'));
      stream.end();
    });
  });
  return new Promise((resolve) => server.listen(ports.grpc, '0.0.0.0', resolve));
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
const echo = createSocket('udp4');
echo.on('message', (bytes, { port, address }) => echo.send(bytes, port, address));
const silent = createSocket('udp4');
await Promise.all([
  new Promise<void>((resolve) => echo.bind(ports.echo, '0.0.0.0', resolve)),
  new Promise<void>((resolve) => silent.bind(ports.silent, '0.0.0.0', resolve)),
  new Promise<void>((resolve) => {
    const smtp = new SMTPServer({
      authOptional: true,
      logger: false,
      key: readFileSync(file('key')),
      cert: readFileSync(file('certificate')),
    });
    smtp.on('error', () => undefined);
    smtp.listen(ports.smtp, '0.0.0.0', resolve);
  }),
  badServer(ports.busySmtp, (socket) => socket.end('421 too busy\r\n')),
  badServer(ports.hungSmtp, (socket) => socket.write('220 mail\r\n')),
  badServer(ports.hung, (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-')),
  badServer(ports.mute, (socket) => socket.resume()),
  badServer(ports.reset, (socket) => socket.once('data', () => socket.resetAndDestroy())),
  badServer(ports.lying, (socket) => socket.once('data', () => socket.end('220 this is not HTTP\r\n'))),
  badServer(ports.slow, (socket) =>
    socket.once('data', () => setTimeout(() => socket.end('HTTP/1.0 200 OK\r\n\r\nhello\n'), 1_000)),
  ),
  badServer(ports.bodyless, (socket) => socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\n'))),
  grpcHealth(),
]);
process.stdout.write('ready\n');
process.stdin.resume().on('end', () => process.exit());
