import { RawIpSocket, Rtnetlink } from '@keepfleet/linux';
import { ip } from '@keepfleet/wire';

// Sends packets as fast as it can until its input ends: the noise of linux-sockets.interop.ts.
const rtnetlink = new Rtnetlink();
const device = rtnetlink.links().find(({ name }) => name === 'kfb');
if (device === undefined) throw new Error('no kfb');
const socket = new RawIpSocket(
  { family: 'ipv4', protocol: 112, interface: device, hopLimit: 255, trafficClass: 0 },
  { packet: () => undefined, error: () => undefined },
);
const group = ip('224.0.0.18');
const payload = new Uint8Array(20);
let on = true;
process.stdin.resume().on('end', () => (on = false));
const burst = () => {
  for (let i = 0; i < 200; i++) {
    try {
      socket.send(payload, group);
    } catch {
      // A full queue is what a flood makes.
      break;
    }
  }
  if (on) setImmediate(burst);
  else process.exit();
};
process.stdout.write('flooding\n');
burst();
