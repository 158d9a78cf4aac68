import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { RawIpSocket, Rtnetlink, inNetworkNamespace } from '@keepfleet/linux';
import { waitFor } from '@keepfleet/testkit';
import { internetChecksum, ip } from '@keepfleet/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentStand } from './agent-stand.ts';
import {
  KEEPALIVED_MIB,
  RECEIVERS,
  TRAPD_WORDS,
  WAYS,
  receivedBy,
  snmpdSinks,
  trapdConf,
  trapdListens,
} from './snmp-receiver.ts';

// The six notifications of VRRP by what really happens: one router of the whole agent, a keepalived that takes over and goes
// away, two adverts that are to be refused, a link that is lost. snmptrapd tells what came, by each of the eight ways.

const ENGINE_ID = '80002572050a0b0c0d0e0f';
const DEADLINE = 120_000;
const VRID = 51;
const PASSWORD = 'right';
const NODE = '192.0.2.1';
const PEER = '192.0.2.2';

const stand = new AgentStand();
let agent: ChildProcess;
let ifIndex = 0;
/** Everything that has to have come, in order. */
const expected: string[][] = [];

const instance = (name: string, priority: number) => `vrrp_instance ${name} {
  interface lan0
  virtual_router_id ${VRID}
  priority ${priority}
  advert_int 1
  authentication {
    auth_type PASS
    auth_pass ${PASSWORD}
  }
  virtual_ipaddress {
    192.0.2.100/24
  }
}
`;

const CONFIGURATION = `global_defs {
  router_id L1
  enable_snmp_vrrp
  enable_snmp_rfc
  enable_traps
  snmp_socket unix:${stand.socket}
}
vrrp_sync_group G {
  group {
    VI_1
  }
}
${instance('VI_1', 150)}`;

/** Of VrrpState. */
const STATE = { backup: 1, master: 2, fault: 3, shutdown: 5 } as const;

function notification(oid: string, ...variables: string[]): string[] {
  return [`1.3.6.1.6.3.1.1.4.1.0 = .${oid}`, ...variables];
}

/** Of the group, and then of its member. */
function states(state: keyof typeof STATE): string[][] {
  const value = STATE[state];
  return [
    notification(`${KEEPALIVED_MIB}.2.10.0.1`, '2.1.1.2.1 = "G"', `2.1.1.3.1 = ${value}`, '1.2.0 = "L1"'),
    notification(
      `${KEEPALIVED_MIB}.2.10.0.2`,
      ...['2.3.1.2.1 = "VI_1"', `2.3.1.4.1 = ${value}`, '2.3.1.5.1 = 1', '1.2.0 = "L1"'],
    ),
  ];
}

/** Of the MIBs of both RFCs: nobody answered. */
function newMaster(): string[][] {
  return [
    notification('1.3.6.1.2.1.68.0.1', `1.3.6.1.2.1.68.1.3.1.7.${ifIndex}.${VRID} = ${NODE}`),
    notification(
      '1.3.6.1.2.1.207.0.1',
      `1.3.6.1.2.1.207.1.1.1.1.3.${ifIndex}.${VRID}.1 = C0 00 02 01`,
      `1.3.6.1.2.1.207.1.2.5.1.2.${ifIndex}.${VRID}.1 = 3`,
    ),
  ];
}

/** By each way, without what snmpd tells of itself: that it has started. */
function received(): Map<string, string[][]> {
  const ofAgents = ([first]: string[]) => first?.startsWith('1.3.6.1.6.3.1.1.4.1.0 = .1.3.6.1.6.3.1.1.5.') === false;
  return new Map([...receivedBy(stand.path('traps'))].map(([way, list]) => [way, list.filter(ofAgents)]));
}

/** Waits until so many more are there by each way, and looks at all from the beginning. */
async function told(...more: string[][]): Promise<void> {
  expected.push(...more);
  await waitFor(() => [...received().values()].every((list) => list.length >= expected.length), {
    deadline: DEADLINE,
    what: `${expected.length} notifications by each way`,
    every: 200,
  }).catch(() => undefined);
  expect(Object.fromEntries(received()), stand.logged('agent').slice(-2_000)).toEqual(
    Object.fromEntries(WAYS.map((way) => [way, expected])),
  );
}

/** One advert of version 2 with this password and TTL from the peer's address. */
function advertise({ password = PASSWORD, ttl = 255 }: { password?: string; ttl?: number }): void {
  const authentication = new TextEncoder().encode(password.padEnd(8, '\0'));
  const packet = Uint8Array.from([0x21, VRID, 100, 1, 1, 1, 0, 0, 192, 0, 2, 100, ...authentication]);
  new DataView(packet.buffer).setUint16(6, internetChecksum(packet));
  inNetworkNamespace(stand.peer, () => {
    const rtnetlink = new Rtnetlink();
    const device = rtnetlink.links().find(({ name }) => name === 'lan0');
    rtnetlink.close();
    if (device === undefined) throw new Error('no lan0');
    const socket = new RawIpSocket(
      { family: 'ipv4', protocol: 112, interface: device, hopLimit: ttl, trafficClass: 0xc0 },
      {
        packet: () => undefined,
        error: (error) => {
          throw error;
        },
      },
    );
    socket.send(packet, ip('224.0.0.18'));
    socket.close();
  });
}

beforeAll(async () => {
  await stand.start(snmpdSinks());
  stand.connect();
  ({ ifIndex } = stand);
  const conf = stand.file('trapd.conf', trapdConf(ENGINE_ID));
  stand.launch('trapd', ['snmptrapd', '-f', '-C', '-c', conf, '-Lf', stand.path('traps'), ...TRAPD_WORDS]);
  await stand.eventually('snmptrapd listens', () => trapdListens(stand.logged('traps')));
  mkdirSync(stand.path('state'));
  stand.file('state/snmp-engine.json', JSON.stringify({ version: 1, engineId: ENGINE_ID, boots: 1 }));
  stand.file('keepalived.conf', CONFIGURATION);
  stand.file('agent.yaml', `node: L1\n${RECEIVERS}`);
  agent = stand.launchAgent();
});

afterAll(() => stand.close());

describe('what happens to a virtual router is told once, in order and with its variables by every way', () => {
  it('that it becomes master: its group, itself, and the new master by both RFCs', async () => {
    await told(...states('backup'), ...states('master'), ...newMaster());
  });

  it('that an advert has a wrong password', async () => {
    advertise({ password: 'wrong' });
    await told(
      notification(
        '1.3.6.1.2.1.68.0.2',
        `1.3.6.1.2.1.68.1.5.${ifIndex}.${VRID} = ${PEER}`,
        `1.3.6.1.2.1.68.1.6.${ifIndex}.${VRID} = 3`,
      ),
    );
  });

  it('that an advert came through a router', async () => {
    advertise({ ttl: 254 });
    await told(notification('1.3.6.1.2.1.207.0.2', `1.3.6.1.2.1.207.1.2.5.1.6.${ifIndex}.${VRID}.1 = 1`));
  });

  it('that a keepalived of a higher priority takes over, and goes away', async () => {
    const keepalived = stand.launchKeepalived(instance('P', 200));
    await told(...states('backup'));
    await stand.stop(keepalived);
    await told(...states('master'), ...newMaster());
  });

  it('that its link is lost, and comes back', async () => {
    stand.link('down');
    await told(...states('fault'));
    stand.link('up');
    await told(...states('backup'), ...states('master'), ...newMaster());
  });

  it('that it is stopped', async () => {
    stand.signalControl('SIGTERM');
    await stand.eventually('it has ended', () => agent.exitCode !== null || agent.signalCode !== null);
    await told(...states('shutdown'));
  });
});
