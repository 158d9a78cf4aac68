import { ip } from '@keepfleet/wire';
import { afterEach, expect, it } from 'vitest';
import { monotonicMicros } from '../process/clock.ts';
import { UdpSocket } from './udp-socket.ts';

const LOOPBACK = ip('127.0.0.1');
const PORT = 49_817;
const WAITING = 200;
const got: string[] = [];
const open: UdpSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
  got.length = 0;
});

/** Has as many datagrams unread as {@link WAITING}, more than it reads in a turn of the event loop. */
function receiver(then?: () => void): UdpSocket {
  const socket = new UdpSocket(
    { family: 'ipv4', address: LOOPBACK, port: PORT },
    {
      datagram: ({ payload }) => {
        got.push(new TextDecoder().decode(payload));
        then?.();
      },
      error(error) {
        throw error;
      },
    },
  );
  const sender = new UdpSocket({ family: 'ipv4', port: 0 });
  open.push(socket, sender);
  for (let i = 0; i < WAITING; i++) sender.send(new TextEncoder().encode(`${i}`), LOOPBACK, PORT);
  return socket;
}

it('reads at once all that has arrived, in order', () => {
  // The time of arrival is the kernel's, by another clock: it may be a little later than now.
  receiver().readUntil(monotonicMicros() + 1_000_000);
  expect(got).toEqual(Array.from({ length: WAITING }, (_, i) => `${i}`));
});

it('reads no more than one that has arrived later: a flood does not hold it up', () => {
  const before = monotonicMicros() - 1_000_000;
  const socket = receiver();
  socket.readUntil(before);
  expect(got).toEqual(['0']);
  socket.readUntil(before);
  expect(got).toEqual(['0', '1']);
});

it('reads no more once its listener has closed it', () => {
  const socket = receiver(() => socket.close());
  socket.readUntil(Infinity);
  expect(got).toEqual(['0']);
});
