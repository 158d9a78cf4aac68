import { readFileSync } from 'node:fs';
import {
  LinuxError,
  PacketSocket,
  RawIpSocket,
  Rtnetlink,
  lockProgramMemory,
  missingCapabilities,
  nameProcess,
  runRealTime,
  setTimerSlack,
} from '@keepfleet/linux';
import { ip } from '@keepfleet/wire';

// Tries what needs privileges and prints how it went: run by linux-process.interop.ts with and without them.
const device = { index: 1, name: 'lo' };
const attempts: Record<string, () => void> = {
  raw: () => {
    const settings = { family: 'ipv4', protocol: 112, interface: device, hopLimit: 255, trafficClass: 0 } as const;
    new RawIpSocket(settings, { packet: () => undefined, error: () => undefined }).close();
  },
  packet: () => new PacketSocket().close(),
  // A loopback address that is there already: allowed or not, nothing changes.
  address: () => void new Rtnetlink().addAddress({ interface: 1, address: ip('127.0.0.1'), prefix: 8 }),
  realTime: () => runRealTime(10),
  memory: () => lockProgramMemory(),
  slack: () => setTimerSlack(1_000),
  name: () => nameProcess('keepfleet-test-name'),
};
const outcomes = Object.entries(attempts).map(([name, attempt]): [string, string] => {
  try {
    attempt();
    return [name, 'ok'];
  } catch (error) {
    return [name, error instanceof LinuxError ? error.message : String(error)];
  }
});
const status = readFileSync('/proc/self/status', 'latin1');
const report = {
  missing: missingCapabilities(['CAP_NET_RAW', 'CAP_NET_ADMIN', 'CAP_SYS_NICE', 'CAP_IPC_LOCK']),
  outcomes: Object.fromEntries(outcomes),
  // Field 41 of proc(5) stat is the policy; the name may hold blanks, so count from its closing bracket.
  policy: Number(readFileSync('/proc/self/stat', 'latin1').split(') ')[1]?.split(' ')[38]),
  name: readFileSync('/proc/self/comm', 'latin1').trim(),
  lockedKilobytes: Number(/^VmLck:\s*(\d+)/m.exec(status)?.[1]),
};
process.stdout.write(JSON.stringify(report));
