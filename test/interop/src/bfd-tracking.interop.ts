import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WaitTimeout, waitFor } from '@keepfleet/testkit';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { Lab, sh } from './vrrp-stand.ts';

// The whole agent and keepalived with one virtual router and one BFD session between them, both of a keepalived.conf.
// Needs root and keepalived.

const MAIN = join(import.meta.dirname, '../../../apps/node-agent/src/main.ts');
const ADDRESS = '198.51.100.15';
const DEADLINE = 90_000;

/** `track` are the lines of track_bfd; with none of them there is no BFD either. */
function configuration(own: number, peer: number, priority: number, track: string): string {
  const bfd = `bfd_instance peer {
  neighbor_ip 192.0.2.${peer}
  source_ip 192.0.2.${own}
  min_rx 100
  min_tx 100
  multiplier 5
}
`;
  return `${track === '' ? '' : bfd}vrrp_instance V {
  version 3
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int 0.3
  virtual_ipaddress {
    ${ADDRESS}/24
  }
  ${track === '' ? '' : `track_bfd {\n    ${track}\n  }`}
}
`;
}

describe('a virtual router that tracks a BFD session, beside keepalived', () => {
  let lab: Lab;

  const path = (name: string) => join(lab.directory, name);
  const isMaster = (host: 'ours' | 'theirs') => lab.addresses(host).includes(ADDRESS);
  /** With the logs as they are when it is too late. */
  async function until(what: string, condition: () => boolean): Promise<void> {
    try {
      await waitFor(condition, { deadline: DEADLINE, what });
    } catch (error) {
      if (!(error instanceof WaitTimeout)) throw error;
      throw new WaitTimeout(`${error.message}\n${logs()}`, { cause: error });
    }
  }

  const logs = () => `${lab.log('ours.log').slice(-3_000)}\n${lab.log('theirs.log').slice(-1_500)}`;

  function startOurs(track: string): ReturnType<Lab['start']> {
    writeFileSync(path('agent.yaml'), 'snmp: { enabled: false }\n');
    writeFileSync(path('ours.conf'), configuration(1, 2, 110, track));
    mkdirSync(path('run'));
    const files = ['--config', path('ours.conf'), '--agent-config', path('agent.yaml')];
    const directories = ['--run-dir', path('run'), '--state-dir', path('state')];
    return lab.start('ours', 'ours.log', process.execPath, MAIN, ...files, ...directories);
  }

  function reload(agent: ReturnType<Lab['start']>, track: string): void {
    writeFileSync(path('ours.conf'), configuration(1, 2, 110, track));
    agent.kill('SIGHUP');
  }

  function startTheirs(): void {
    // It has to speak BFD, and a session that nothing tracks it does not start.
    writeFileSync(path('theirs.conf'), configuration(2, 1, 100, 'peer weight 1'));
    const pids = [
      '-p',
      path('ka.pid'),
      '-r',
      path('ka-vrrp.pid'),
      '-c',
      path('ka-check.pid'),
      '-b',
      path('ka-bfd.pid'),
    ];
    lab.start('theirs', 'theirs.log', 'keepalived', '-n', '-l', '-D', '-f', path('theirs.conf'), ...pids);
  }

  /** Nothing but BFD is lost. */
  function cut(): void {
    const rules =
      'add table inet cut; add chain inet cut early { type filter hook prerouting priority -400; }; add rule inet cut early udp dport 3784 drop';
    for (const host of ['ours', 'theirs'] as const)
      sh('ip', 'netns', 'exec', lab.namespace(host), 'nft', ...rules.split(' '));
  }

  function heal(): void {
    for (const host of ['ours', 'theirs'] as const)
      sh('ip', 'netns', 'exec', lab.namespace(host), 'nft', 'delete', 'table', 'inet', 'cut');
  }

  function masterIs(host: 'ours' | 'theirs'): Promise<void> {
    const other = host === 'ours' ? 'theirs' : 'ours';
    return until(`${host} is master`, () => isMaster(host) && !isMaster(other));
  }

  const says = (text: string) => until(text, () => lab.log('ours.log').includes(text));

  beforeEach(() => {
    lab = new Lab();
  });

  afterEach(() => lab.close());

  it('is in fault while it is down, or of lower priority with a weight, and forgets it with its configuration', async () => {
    const agent = startOurs('peer');
    startTheirs();
    await masterIs('ours');
    cut();
    await masterIs('theirs');
    await says('bfd_instance peer has failed');
    await says('Control Detection Time Expired');
    heal();
    await masterIs('ours');

    reload(agent, 'peer weight -20');
    const inForce = () => lab.log('ours.log').split(/the configuration is (?:not wholly )?in force/).length > 2;
    await until('the weight is in force', inForce);
    cut();
    await masterIs('theirs');
    await says('effective priority 110 → 90');
    heal();
    await masterIs('ours');

    assert(runs('bfd'));
    reload(agent, '');
    await until('no bfd process', () => !runs('bfd'));
    assert(isMaster('ours'), logs());
    await stop(agent);
  });

  it('stays master when the bfd process is killed, which comes back with its session', async () => {
    const agent = startOurs('peer');
    startTheirs();
    await masterIs('ours');
    const log = lab.log('ours.log').length;
    const said = (text: string) => lab.log('ours.log').slice(log).includes(text);
    const before = pidOf('bfd');
    process.kill(before, 'SIGKILL');
    await until('another bfd process', () => runs('bfd') && pidOf('bfd') !== before);
    await until('the session is up again', () => said('both ends hear each other'));
    assert(isMaster('ours'), logs());
    assert(!said('bfd_instance peer has failed'), logs());
    await stop(agent);
  });

  function pidOf(role: string): number {
    return Number(sh('cat', path(`run/${role}.pid`)));
  }

  function runs(role: string): boolean {
    if (!existsSync(path(`run/${role}.pid`))) return false;
    const pid = pidOf(role);
    // The number may be another's by now.
    return existsSync(`/proc/${pid}`) && sh('cat', `/proc/${pid}/comm`).startsWith('keepfleet');
  }

  async function stop(agent: ReturnType<Lab['start']>): Promise<void> {
    const ended = new Promise<void>((resolve) => agent.once('exit', () => resolve()));
    agent.kill('SIGTERM');
    await ended;
  }
});
