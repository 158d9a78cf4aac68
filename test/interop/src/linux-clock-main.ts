/**
 * In a guest, whose clock may be set: what time the sockets give a datagram before and after. One JSON text a line:
 * what the clock was set by, and how long ago the datagram had arrived when it was handed over, in microseconds.
 */
import { execFileSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { type ReceivedDatagram, UdpSocket, monotonicMicros } from '@keepfleet/linux';
import { ip } from '@keepfleet/wire';

const PORT = 7946;
const HOUR = 3_600;
const news = new EventEmitter<{ datagram: [ReceivedDatagram]; error: [Error] }>();
const address = ip('127.0.0.1');
const socket = new UdpSocket(
  { family: 'ipv4', address, port: PORT },
  {
    datagram: (datagram) => news.emit('datagram', datagram),
    error: (error) => news.emit('error', error),
  },
);

for (const by of [0, -HOUR, 2 * HOUR]) {
  execFileSync('date', ['-s', `@${Math.round(Date.now() / 1_000) + by}`]);
  const arrived = once(news, 'datagram');
  socket.send(new Uint8Array(1), address, PORT);
  const [datagram] = (await arrived) as [ReceivedDatagram];
  console.log(JSON.stringify({ by, age: monotonicMicros() - datagram.at }));
}
socket.close();
