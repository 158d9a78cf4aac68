import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { WaitTimeout, waitFor } from '@keepfleet/testkit';
import type { Step } from './lvs-scenario.ts';
import { realServer, sorryServer, tcpCheck, virtualServer } from './lvs-settings.ts';
import { type LvsStand, ipvsadm, kernelTable } from './lvs-stand.ts';

// One wish in two languages: what keepalived reads, and what the lvs process is told.
const configuration = `
global_defs {
  checker_log_all_failures true
}
virtual_server_group many {
  198.51.100.20-21 80
  fwmark 9
}
virtual_server 198.51.100.15 80 {
  delay_loop 1
  lb_algo wrr
  lb_kind NAT
  protocol TCP
  quorum 5
  hysteresis 1
  sorry_server 192.168.1.99 80
  sorry_server_inhibit
  real_server 192.168.1.10 80 {
    weight 4
    inhibit_on_failure
    uthreshold 100
    TCP_CHECK {
      retry 0
      warmup 0
    }
  }
  real_server 192.168.1.11 80 {
    weight 3
    TCP_CHECK {
      retry 0
      warmup 0
    }
  }
}
virtual_server 198.51.100.15 81 {
  lb_algo sh
  lb_kind DR
  sh-port
  protocol TCP
  persistence_timeout 300
  persistence_granularity 255.255.255.0
  quorum 3
  hysteresis 1
  sorry_server 192.168.1.99 81
  real_server 192.168.1.10 81 {
    weight 3
  }
}
virtual_server fwmark 7 {
  lb_algo rr
  lb_kind DR
  real_server 192.168.1.10 80 {
    weight 70000
  }
}
virtual_server 2001:db8::15 53 {
  lb_algo rr
  lb_kind NAT
  protocol UDP
  ops
  real_server fd00::10 53 {
    weight 0
  }
}
virtual_server group many {
  lb_algo wlc
  lb_kind NAT
  protocol TCP
  real_server 192.168.1.11 80 {
  }
}
`;

const checked = (address: string) => [tcpCheck(address)];
const settings = {
  groups: [
    {
      name: 'many',
      members: [
        { kind: 'range', first: '198.51.100.20', last: '198.51.100.21', port: 80 },
        { kind: 'fwmark', fwmark: 9, family: 'ipv4' },
      ],
    },
  ],
  virtualServers: [
    virtualServer(
      { kind: 'address', address: '198.51.100.15', port: 80 },
      {
        scheduler: 'wrr',
        quorum: 5,
        hysteresis: 1,
        sorryServer: { ...sorryServer('192.168.1.99'), inhibit: true },
        realServers: [
          realServer('192.168.1.10', {
            weight: 4,
            inhibitOnFailure: true,
            upperThreshold: 100,
            checkers: checked('192.168.1.10'),
          }),
          realServer('192.168.1.11', { weight: 3, checkers: checked('192.168.1.11') }),
        ],
      },
    ),
    virtualServer(
      { kind: 'address', address: '198.51.100.15', port: 81 },
      {
        scheduler: 'sh',
        flags: { flag1: false, flag2: true, flag3: false },
        persistence: { timeout: 300, granularity: 24, engine: null },
        quorum: 3,
        hysteresis: 1,
        sorryServer: { ...sorryServer('192.168.1.99', 81), forwarding: { kind: 'dr' } },
        realServers: [realServer('192.168.1.10', { weight: 3, forwarding: { kind: 'dr' } }, 81)],
      },
    ),
    virtualServer(
      { kind: 'fwmark', fwmark: 7, family: 'ipv4' },
      { realServers: [realServer('192.168.1.10', { weight: 70_000, forwarding: { kind: 'dr' } })] },
    ),
    virtualServer(
      { kind: 'address', address: '2001:db8::15', port: 53 },
      {
        protocol: 'udp',
        onePacket: true,
        realServers: [realServer('fd00::10', { weight: 0 }, 53)],
      },
    ),
    virtualServer({ kind: 'group', name: 'many' }, { scheduler: 'wlc', realServers: [realServer('192.168.1.11')] }),
  ],
};

const states = ['at start', 'with w11 stopped', 'with both stopped', 'with w10 back', 'with both back'] as const;

/** The table with its thresholds, which the form to restore does not have. */
function wholeTable(): string {
  return [
    ...kernelTable(),
    ...ipvsadm('-Ln', '--thresholds')
      .split('\n')
      .filter((line) => /->.* \d/.test(line))
      // Without the counts of connections: a server that comes back has those that it had, for as long as they last.
      .map((line) => line.replace(/(?:\s+\d+){2}\s*$/, ''))
      .sort(),
  ].join('\n');
}

/** Walks the servers through the states and waits in each for what is expected, or until nothing moves any more. */
async function walk(stand: LvsStand, settled: (state: (typeof states)[number]) => Promise<void>): Promise<void> {
  await settled('at start');
  await stand.stopWeb(11);
  await settled('with w11 stopped');
  await stand.stopWeb(10);
  await settled('with both stopped');
  stand.startWeb(10);
  await settled('with w10 back');
  stand.startWeb(11);
  await settled('with both back');
}

/** Within the hysteresis it looks like the one before. */
const UNCHANGED = 'with w10 back';

/** The kernel's table in each state under keepalived: it is looked at until it has changed and then stands still for 2.5 s. */
async function underKeepalived(stand: LvsStand): Promise<Map<string, string>> {
  const file = '/run/kf-lvs/keepalived.conf';
  writeFileSync(file, configuration);
  const keepalived = spawn('keepalived', ['-n', '-C', '-G', '-f', file, '-p', `${file}.pid`, '-c', `${file}.lvs.pid`], {
    stdio: 'ignore',
  });
  const tables = new Map<string, string>();
  await walk(stand, async (state) => {
    const before = [...tables.values()].at(-1);
    let last = '';
    let since = performance.now();
    const table = await waitFor(
      () => {
        const now = wholeTable();
        if (now !== last) since = performance.now();
        last = now;
        const isNew = now !== before || state === UNCHANGED;
        return now !== '' && isNew && performance.now() - since > 2_500 && now;
      },
      { deadline: 120_000, what: `keepalived settled ${state}`, every: 250 },
    );
    tables.set(state, table);
  });
  keepalived.kill('SIGTERM');
  await once(keepalived, 'exit');
  return tables;
}

export const besideKeepalived: Step = {
  name: 'has the same table as keepalived in every state of servers, quorum and sorry server',
  run: async (stand, agent) => {
    ipvsadm('-C');
    const expected = await underKeepalived(stand);
    // The end is the start.
    assert.equal(expected.get(UNCHANGED), expected.get('with both stopped'));
    assert.equal(expected.get('with both back'), expected.get('at start'));
    assert.equal(new Set(expected.values()).size, 3);
    ipvsadm('-C');
    await agent.start();
    await agent.configure(settings);
    await walk(stand, async (state) => {
      try {
        await waitFor(() => wholeTable() === expected.get(state), { deadline: 60_000, what: state, every: 200 });
      } catch (error) {
        if (!(error instanceof WaitTimeout)) throw error;
        assert.equal(wholeTable(), expected.get(state), state);
      }
    });
    await agent.kill('SIGTERM');
    assert.deepEqual(kernelTable(), []);
  },
};
