import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { Lab, sh } from './vrrp-stand.ts';

// The files that SIGUSR1, SIGUSR2 and SIGRTMIN+2 ask for, of keepalived and of our agent with the same keepalived.conf,
// each in a namespace of its own. Needs root and keepalived.

const MAIN = join(import.meta.dirname, '../../../apps/node-agent/src/main.ts');
const DEADLINE_MS = 90_000;
const SIGRTMIN_2 = 36;
const MASTER = 2;

/** `globals`: where the files go, for whom that can be told. */
const conf = (directory: string, globals: string) => `
global_defs {
  script_user root
  ${globals}
}
vrrp_script chk {
  script "/usr/bin/test -e /usr"
  interval 1
  weight 10
}
vrrp_track_file tf {
  file ${directory}/weight
  weight 2
}
vrrp_instance VI_1 {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority 100
  advert_int 1
  garp_master_refresh 60
  lower_prio_no_advert
  authentication {
    auth_type PASS
    auth_pass s3cret
  }
  virtual_ipaddress {
    198.51.100.15/24
    198.51.100.16/32 dev eth1 label eth1:1 no_track
    198.51.100.17/24 brd 198.51.100.255
    198.51.100.18 peer 203.0.113.18
  }
  virtual_ipaddress_excluded {
    2001:db8::15/64
    2001:db8::16
    198.51.100.99
  }
  virtual_routes {
    10.0.0.0/8 via 192.0.2.254 dev eth0
    src 198.51.100.15 to 10.1.0.0/16 via 192.0.2.254 dev eth0 metric 5 table 77
    blackhole 10.2.0.0/16
    10.3.0.1 dev eth0 scope link no_track
    append 10.4.0.0/24 dev eth0 mtu 1400 advmss lock 1300 rtt 300ms window 1000 realms 1/2 features ecn
    10.26.0.0/24 nexthop via 192.0.2.254 dev eth0 weight 2 nexthop via 192.0.2.253 dev eth0 weight 3 onlink
    10.30.0.0/24 encap ip id 5 dst 198.51.100.2 ttl 9 via 192.0.2.254 dev eth0
    2001:db8:bb::/48 via fd00::fe dev eth0 metric 7 pref high
    default via 192.0.2.254 dev eth0 table 78
  }
  virtual_rules {
    from 10.40.0.0/16 table 77 priority 1001
    to 10.41.0.0/16 table 77 priority 1002 fwmark 5/0xff tos 0x10
    not from 10.42.0.0/16 iif eth0 oif eth0 table 78 priority 1003 realms 3/4
    from 2001:db8:dd::/48 table 77 priority 1004
    from 10.43.0.0/16 blackhole priority 1006
    from 10.44.0.0/16 goto 2000 priority 1007
    from 10.45.0.0/16 nop priority 1008 no_track
    iif eth0 ipproto tcp dport 90-100 table 77 priority 1009
    uidrange 5-10 table 77 priority 1010
    to 10.47.0.0/16 l3mdev priority 1014
  }
  track_interface {
    eth1 weight 5
  }
  track_script {
    chk weight 20
  }
  track_file {
    tf
  }
  notify_backup /usr/bin/true
  notify_master "/usr/bin/true a 'b c'"
  notify_fault "/usr/bin/true fault"
  notify_stop "/usr/bin/true stop"
  notify /usr/bin/true
}
vrrp_instance VI_2 {
  state BACKUP
  interface eth0
  virtual_router_id 52
  version 3
  priority 120
  advert_int 0.5
  use_vmac
  preempt_delay 3
  higher_prio_send_advert
  virtual_ipaddress {
    fe80::52
    2001:db8:1::52/64
  }
}
vrrp_instance VI_3 {
  state BACKUP
  interface eth1
  virtual_router_id 53
  priority 120
  nopreempt
  advert_int 2
  authentication {
    auth_type AH
    auth_pass s3cret
  }
  unicast_src_ip 192.0.3.1
  unicast_peer {
    192.0.3.2
  }
  virtual_ipaddress {
    203.0.113.3
  }
}
`;

/** 100, and of eth1 5, chk 20, tf 1 times 2. keepalived counts no processes outside the first network namespace. */
const EFFECTIVE_PRIORITY = 127;

/** Lines of keepalived's text that ours does not have, and why. */
const LEFT_OUT: readonly (readonly [RegExp, string])[] = [
  [/^ +Read timeout = /, 'a moment of its own loop'],
  [/^ +fd_in /, 'numbers of its own files'],
  [/^ +Password = /, 'a secret'],
  [/^ +Using Native IPv6$/, 'it always is'],
  [/^ +Number of config faults = /, 'a configuration with faults is refused'],
  [/^ +Number of track scripts init = /, 'a cause of a fault among others'],
  [/^ +Total priority = /, 'before its limits'],
  [/^ +Unicast checksum compatibility = /, 'of a peer, learned'],
  [/^ +Notify deleted = Fault$/, 'what notify_fault is for'],
];

interface Dumped {
  readonly data: Readonly<Record<string, unknown>>;
  readonly stats: Readonly<Record<string, number>>;
}

/** One router alone, with what it says. */
class Router {
  readonly #lab = new Lab();
  readonly #files = join(this.#lab.directory, 'tmp');
  #pid = 0;

  /** keepalived 2.2.7 writes into /tmp: it gets one of its own. */
  startKeepalived(): void {
    this.#prepare('/tmp', '');
    const pids = ['-p', '/tmp/ka.pid', '-r', '/tmp/vrrp.pid'];
    const daemon = ['keepalived', '-n', '-l', '-D', '-P', '-f', '/tmp/k.conf', ...pids];
    this.#start('sh', '-c', 'mount --bind "$0" /tmp && exec "$@"', this.#files, ...daemon);
  }

  startAgent(): void {
    const at = (name: string) => join(this.#files, name);
    const kinds = { state: 'data', stats: 'stats', json: 'json' };
    const globals = Object.entries(kinds).map(([kind, name]) => `${kind}_dump_file ${at(`keepalived.${name}`)}`);
    this.#prepare(this.#files, globals.join('\n  '));
    writeFileSync(at('agent.yaml'), 'snmp: { enabled: false }\n');
    const files = ['--config', at('k.conf'), '--agent-config', at('agent.yaml')];
    this.#start(process.execPath, MAIN, ...files, '--run-dir', at('run'), '--state-dir', at('state'));
  }

  /** `place`: what the program calls the directory of its files. */
  #prepare(place: string, globals: string): void {
    const on = this.#lab;
    mkdirSync(this.#files);
    on.ip('ours', 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'far1');
    for (const name of ['eth1', 'far1']) on.ip('ours', 'link', 'set', name, 'up');
    on.ip('ours', 'addr', 'add', '192.0.3.1/24', 'dev', 'eth1');
    writeFileSync(join(this.#files, 'weight'), '1\n');
    writeFileSync(join(this.#files, 'k.conf'), conf(place, globals));
  }

  #start(...command: string[]): void {
    const { pid } = this.#lab.start('ours', 'log', ...command);
    assert(pid !== undefined);
    this.#pid = pid;
  }

  /** What it writes into the file when it is sent the signal. */
  async dump(signal: NodeJS.Signals | typeof SIGRTMIN_2, name: string): Promise<string> {
    const file = join(this.#files, name);
    rmSync(file, { force: true });
    process.kill(this.#pid, signal);
    // keepalived writes into the file that is read here: it is whole once nobody has it open any more.
    return waitFor(() => existsSync(file) && !this.#isOpen(file) && (readFileSync(file, 'utf8') || undefined), {
      deadline: DEADLINE_MS,
      what: `${name}: ${this.#lab.log('log').slice(-2_000)}`,
      every: 100,
    });
  }

  #isOpen(file: string): boolean {
    const { ino } = statSync(file);
    const pids = sh('ip', 'netns', 'pids', this.#lab.namespace('ours')).split('\n').filter(Boolean);
    return pids.some((pid) => {
      try {
        return readdirSync(`/proc/${pid}/fd`).some((fd) => statSync(`/proc/${pid}/fd/${fd}`).ino === ino);
      } catch (error) {
        // It has ended, or closed one of its files, meanwhile: this is looked at again.
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true;
        throw error;
      }
    });
  }

  async json(): Promise<readonly Dumped[]> {
    return JSON.parse(await this.dump(SIGRTMIN_2, 'keepalived.json')) as readonly Dumped[];
  }

  /** Once it is master of all and all that it tracks counts. `told`: what its log has for each that it is master of. */
  async settled(told: RegExp): Promise<readonly Dumped[]> {
    const log = () => this.#lab.log('log');
    // Before that a signal might end it.
    await waitFor(() => (log().match(told) ?? []).length >= 3, { deadline: DEADLINE_MS, what: 'three masters' }).catch(
      (cause: unknown) => {
        throw new Error(log().slice(-2_000), { cause });
      },
    );
    return waitFor(
      async () => {
        const all = await this.json();
        const masters = all.every(({ data }) => data['state'] === MASTER && data['vipset'] === true);
        return masters && all[0]?.data['effective_priority'] === EFFECTIVE_PRIORITY && all;
      },
      { deadline: DEADLINE_MS, what: 'a master of all, with all that it tracks', every: 200 },
    ).catch(async (cause: unknown) => {
      throw new Error(`${JSON.stringify(await this.json())}\n${log().slice(-2_000)}`, { cause });
    });
  }

  close(): Promise<void> {
    return this.#lab.close();
  }
}

/** By instance, its lines of the text. */
function instanceLines(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let lines: string[] | undefined;
  for (const line of text.split('\n')) {
    const name = /^ VRRP Instance = (.*)$/.exec(line)?.[1];
    if (name !== undefined) found.set(name, (lines = []));
    else if (line.startsWith('------<')) lines = undefined;
    else lines?.push(line);
  }
  return found;
}

describe('the files that signals ask for, beside those of keepalived', () => {
  const routers = { ours: new Router(), theirs: new Router() };
  let json: Record<'ours' | 'theirs', readonly Dumped[]>;

  beforeAll(async () => {
    routers.theirs.startKeepalived();
    routers.ours.startAgent();
    const [theirs, ours] = await Promise.all([
      routers.theirs.settled(/Entering MASTER STATE/g),
      routers.ours.settled(/"kind":"vrrp.state"[^\n]*"to":"master"/g),
    ]);
    json = { theirs, ours };
  });

  afterAll(async () => {
    await Promise.all(Object.values(routers).map((router) => router.close()));
  });

  it('have every field of JSON with its value, and no password', () => {
    const comparable = (all: readonly Dumped[]) =>
      all.map(({ data: { last_transition: since, auth_data: secret, ...data } }) => ({
        ...data,
        since: Math.abs(Date.now() / 1_000 - Number(since)) < 600,
        secret: secret !== undefined,
      }));
    assert.deepEqual(comparable(json.ours), comparable(json.theirs));
    assert.doesNotMatch(JSON.stringify(json.ours), /s3cret/);
    for (const [i, { stats }] of json.theirs.entries()) {
      const own = json.ours[i]?.stats ?? {};
      // How many they had sent when they were asked.
      const { advert_sent: sent, ...counters } = own;
      assert(sent !== undefined && sent > 0);
      for (const [name, value] of Object.entries(stats))
        if (name !== 'advert_sent') assert.equal(counters[name], value, name);
    }
  });

  it('have every counter of the text of SIGUSR2 under its name', async () => {
    const [theirs, ours] = await Promise.all(
      [routers.theirs, routers.ours].map((router) => router.dump('SIGUSR2', 'keepalived.stats')),
    );
    const unsent = (text = '') => text.replaceAll(/Sent: [1-9]\d*/g, 'Sent: N');
    assert.equal(unsent(ours), unsent(theirs));
  });

  it('have the lines of the text of SIGUSR1, but those that say nothing here', async () => {
    const [theirs, ours] = await Promise.all(
      [routers.theirs, routers.ours].map((router) => router.dump('SIGUSR1', 'keepalived.data')),
    );
    const unused = new Set(LEFT_OUT);
    // How long it took, and whose number it is.
    const plain = (line: string) =>
      line
        .replace(/(Last transition = )\d+\.\d{6} \(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d\.\d{6} \d{4}\)/, '$1T')
        .replace(/, ifindex \d+$/, '')
        .replace(/, uid:gid \d+:\d+$/, '')
        .replace(/^( {3}Flags:) none$/, '$1');
    const said = instanceLines(ours ?? '');
    const wanted = instanceLines(theirs ?? '');
    assert.deepEqual([...said.keys()], [...wanted.keys()]);
    for (const [name, lines] of wanted) {
      const kept = lines.filter((line) => {
        const known = LEFT_OUT.find(([pattern]) => pattern.test(line));
        if (known !== undefined) unused.delete(known);
        return known === undefined && line !== '';
      });
      assert.deepEqual(said.get(name)?.map(plain).sort(), kept.map(plain).sort(), name);
    }
    assert.deepEqual([...unused], [], 'out of date');
  });
});
