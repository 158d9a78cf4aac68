import { RawIpSocket } from '@keepfleet/linux';
import { internetChecksum, ip } from '@keepfleet/wire';
import { LYING_ECHO } from './checks-plan.ts';

// Answers echo requests in a namespace whose kernel does not: late, or as if another one had been asked. Its argument is the
// index of eth0; prints `echoes` when it listens.

const LATE_MS = 1_000;
const ICMP = 1;
const REQUEST = 8;

const socket = new RawIpSocket(
  {
    family: 'ipv4',
    protocol: ICMP,
    interface: { index: Number(process.argv[2]), name: 'eth0' },
    hopLimit: 64,
    trafficClass: 0,
  },
  {
    packet: ({ payload, source, destination }) => {
      if (payload[0] !== REQUEST) return;
      const answer = Uint8Array.from(payload);
      answer[0] = 0;
      const lying = destination === ip(LYING_ECHO);
      if (lying) answer[7] = (answer[7] ?? 0) ^ 1;
      answer.fill(0, 2, 4);
      new DataView(answer.buffer).setUint16(2, internetChecksum(answer));
      setTimeout(() => socket.send(answer, source, destination), lying ? 0 : LATE_MS);
    },
    error: (error) => {
      throw error;
    },
  },
);
process.stdout.write('echoes\n');
