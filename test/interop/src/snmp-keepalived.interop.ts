import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareWalks, valuesOf } from './snmp-compare.ts';
import { DIFFERENCES } from './snmp-differences.ts';
import { SnmpdStand, until } from './snmpd.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const KEEPALIVED = '1.3.6.1.4.1.9586.100.5';
const SUBTREES = [KEEPALIVED, '1.3.6.1.2.1.68', '1.3.6.1.2.1.207'];
const MASTER = `${KEEPALIVED}.2.3.1.4`;

const stand = new SnmpdStand();
const conf = join(stand.directory, 'keepalived.conf');
const log = join(stand.directory, 'log');
const track = join(stand.directory, 'load');

/** Without real IPVS: what the lvs process serves is compared in the guest that has it. */
const CONFIG = `
global_defs {
  router_id lab-router
  notification_email { ops@example.com
    night@example.com
  }
  notification_email_from lb@example.com
  smtp_server 192.0.2.25 2525
  smtp_connect_timeout 20
  smtp_alert_vrrp on
  enable_snmp_vrrp
  enable_snmp_rfc
  enable_traps
  snmp_socket unix:${stand.socket}
  script_user root
}
vrrp_script chk_used {
  script "/usr/bin/true x"
  interval 1
  timeout 2
  weight -7 reverse
}
vrrp_script chk_always {
  script "/usr/bin/true"
  interval 2
  weight 5
  rise 2
  fall 3
}
vrrp_track_file load {
  file ${track}
  weight 2
}
vrrp_track_process init {
  process no-such-program "one two"
  param_match initial
  weight 3
  quorum 2
  quorum_max 9
  fork_delay 1.5
  terminate_delay 2
}
static_routes {
  198.18.0.0/24 dev lan0 metric 7 mtu 1400
}
static_rules {
  from 198.18.0.0/24 table 77 priority 3001
}
vrrp_sync_group G {
  group {
    VI_6
  }
  notify_backup "/usr/bin/true g"
}
vrrp_instance VI_1 {
  state MASTER
  interface lan0
  virtual_router_id 51
  priority 150
  advert_int 1
  authentication {
    auth_type PASS
    auth_pass secret
  }
  virtual_ipaddress {
    198.51.100.15/24 dev lan0
    198.51.100.16/24 brd 198.51.100.255 dev lan0 label lan0:x
  }
  virtual_ipaddress_excluded {
    203.0.113.7/32 dev lan1
  }
  virtual_routes {
    198.18.1.0/24 via 198.51.100.9 dev lan0 metric 30 src 198.51.100.15 mtu lock 1300 rtt 500 hoplimit 9
    blackhole 198.18.2.0/24
    198.18.3.0/24 nexthop via 198.51.100.9 dev lan0 weight 2 nexthop via 198.51.100.8 dev lan0
  }
  virtual_rules {
    from 198.18.4.0/24 to 198.18.5.0/24 tos 8 fwmark 3 table 77 priority 3002
    not from 198.18.6.0/24 iif lan0 unreachable priority 3003
  }
  track_interface {
    lan1
  }
  track_script {
    chk_used
  }
  track_file {
    load
  }
  track_process {
    init
  }
  notify_master "/usr/bin/true a"
}
vrrp_instance VI_6 {
  state BACKUP
  interface lan1
  virtual_router_id 52
  version 3
  priority 100
  advert_int 0.5
  nopreempt
  virtual_ipaddress {
    fe80::52/64
    2001:db8::52/64
  }
}
`;

beforeAll(async () => {
  await stand.start();
  const inside = (...words: string[]) => execFileSync('ip', ['netns', 'exec', stand.namespace, ...words]);
  for (const [name, peer, address] of [
    ['lan0', 'far0', '198.51.100.1/24'],
    ['lan1', 'far1', '203.0.113.1/24'],
  ] as const) {
    inside('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', peer);
    for (const one of [name, peer]) {
      inside('sysctl', '-qw', `net.ipv6.conf.${one}.accept_dad=0`);
      inside('ip', 'link', 'set', one, 'up');
    }
    inside('ip', 'address', 'add', address, 'dev', name);
  }
  writeFileSync(conf, CONFIG);
  writeFileSync(track, '3\n');
});

afterAll(() => stand.close());

function start(...command: string[]): ChildProcess {
  return spawn('sh', ['-c', 'exec ip netns exec "$0" "$@" >>"$LOG" 2>&1', stand.namespace, ...command], {
    stdio: 'ignore',
    env: { ...process.env, LOG: log },
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Values by object identifier, as soon as both instances are master. */
async function walkOf(child: ChildProcess): Promise<Map<string, string>> {
  const walk = (from: string) =>
    stand.run('snmpbulkwalk', ['-v2c', '-c', 'public', '-t', '5', '-r', '3', '-One', '127.0.0.1', from]);
  await until(
    'both instances are master',
    async () => {
      if (child.exitCode !== null) throw new Error(readFileSync(log, 'utf8').slice(-4000));
      const { lines } = await walk(MASTER);
      return lines.filter((line) => line.endsWith('INTEGER: 2')).length === 2 ? true : undefined;
    },
    90_000,
  );
  const lines: string[] = [];
  for (const subtree of SUBTREES) lines.push(...(await walk(subtree)).lines);
  return valuesOf(lines);
}

describe('the three MIBs of the same configuration', () => {
  it("are keepalived's line by line, but for a table of differences with their reasons", async () => {
    const theirs = start(
      'keepalived',
      '-n',
      '-l',
      '-P',
      '-f',
      conf,
      '-p',
      join(stand.directory, 'pid'),
      '-r',
      join(stand.directory, 'vpid'),
    );
    let expected: Map<string, string>;
    try {
      expected = await walkOf(theirs);
    } finally {
      await stop(theirs);
    }
    await until('keepalived has left snmpd', async () =>
      (await stand.get(`${KEEPALIVED}.1.1.0`)).out.includes('No Such') ? true : undefined,
    );
    const paths = ['run', 'state'].map((word) => join(stand.directory, `agent-${word}`));
    const ours = start(
      process.execPath,
      join(ROOT, 'apps/node-agent/src/main.ts'),
      '--config',
      conf,
      '--run-dir',
      paths[0] ?? '',
      '--state-dir',
      paths[1] ?? '',
    );
    let found: Map<string, string>;
    try {
      found = await walkOf(ours);
    } finally {
      await stop(ours);
    }
    // A difference that is none any more leaves the table.
    expect(compareWalks(expected, found, DIFFERENCES)).toEqual({ unexplained: [], unused: [] });
    expect(expected.size).toBeGreaterThan(150);
  });
});
