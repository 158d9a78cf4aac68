import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WaitTimeout, waitFor } from '@keepfleet/testkit';

// Our vrrp process and Debian's keepalived on one LAN of namespaces, each in turn the router of the higher priority.
// Needs root, keepalived, tcpdump, tshark. Run: node --test test/interop/src/vrrp-keepalived.interop.ts

const STANDALONE = fileURLToPath(new URL('../../../apps/node-agent/src/vrrp/standalone.ts', import.meta.url));
/** What a busy test machine may add to a protocol time. */
const MARGIN_MS = 1_500;

interface Variant {
  readonly name: string;
  readonly version: 2 | 3;
  readonly family: 'ipv4' | 'ipv6';
  readonly advertMs: number;
  readonly password?: string;
  readonly address: string;
  readonly prefix: number;
  readonly group: string;
}

const variants: readonly Variant[] = [
  {
    name: 'version 2 with password over IPv4',
    version: 2,
    family: 'ipv4',
    advertMs: 1_000,
    password: 's3cret',
    address: '198.51.100.15',
    prefix: 24,
    group: '224.0.0.18',
  },
  {
    name: 'version 3 over IPv4',
    version: 3,
    family: 'ipv4',
    advertMs: 300,
    address: '198.51.100.15',
    prefix: 24,
    group: '224.0.0.18',
  },
  {
    name: 'version 3 over IPv6',
    version: 3,
    family: 'ipv6',
    advertMs: 300,
    address: 'fe80::1:15',
    prefix: 64,
    group: 'ff02::12',
  },
];

function sh(...command: string[]): string {
  const [program = '', ...rest] = command;
  return execFileSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Two routers on a bridge, in namespaces of their own, and a capture of all that passes. */
class Lab {
  readonly directory = mkdtempSync(join(tmpdir(), 'kf-vrrp-'));
  readonly #prefix: string;
  readonly #children: ChildProcess[] = [];

  constructor(number: number) {
    this.#prefix = `kf-vrrp-${process.pid}-${number}`;
    const lan = this.namespace('lan');
    sh('ip', 'netns', 'add', lan);
    sh('ip', '-n', lan, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    sh('ip', '-n', lan, 'link', 'set', 'br0', 'up');
    for (const [name, host] of [
      ['ours', 1],
      ['theirs', 2],
    ] as const) {
      const space = this.namespace(name);
      sh('ip', 'netns', 'add', space);
      sh('ip', 'link', 'add', 'eth0', 'netns', space, 'type', 'veth', 'peer', 'name', name, 'netns', lan);
      sh('ip', '-n', lan, 'link', 'set', name, 'master', 'br0', 'up');
      sh('ip', 'netns', 'exec', space, 'sysctl', '-qw', 'net.ipv6.conf.eth0.accept_dad=0');
      sh('ip', '-n', space, 'link', 'set', 'eth0', 'address', `02:00:00:00:00:0${host}`, 'up');
      sh('ip', '-n', space, 'addr', 'add', `192.0.2.${host}/24`, 'dev', 'eth0');
    }
  }

  namespace(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  start(name: string, file: string, ...command: string[]): ChildProcess {
    const log = join(this.directory, file);
    const child = spawn('sh', ['-c', `exec ip netns exec "$0" "$@" >>${log} 2>&1`, this.namespace(name), ...command], {
      stdio: 'ignore',
    });
    this.#children.push(child);
    return child;
  }

  log(file: string): string {
    return readFileSync(join(this.directory, file), 'utf8');
  }

  /** Addresses of a router's eth0, as the kernel has them. */
  addresses(name: string): string[] {
    const links: unknown = JSON.parse(sh('ip', '-n', this.namespace(name), '-j', 'addr', 'show', 'dev', 'eth0'));
    assert(Array.isArray(links));
    return links.flatMap((link: { addr_info: { local: string }[] }) => link.addr_info.map((one) => one.local));
  }

  async close(): Promise<void> {
    for (const child of this.#children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await Promise.all(
      this.#children.map((child) =>
        child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined,
      ),
    );
    for (const name of ['ours', 'theirs', 'lan']) sh('ip', 'netns', 'del', this.namespace(name));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A router program in its namespace. */
interface Router {
  readonly name: 'ours' | 'theirs';
  readonly priority: number;
  start(): void;
  /** Ends it at once, leaving everything as it is. */
  kill(): Promise<void>;
  /** Lets it hand over and end. */
  stop(): Promise<void>;
  /** States entered since the first start. */
  transitions(): string[];
}

function ours(lab: Lab, variant: Variant, priority: number): Router {
  const settings = join(lab.directory, 'settings.json');
  const second = 1_000_000;
  writeFileSync(
    settings,
    JSON.stringify({
      startupDelay: 0,
      logUnknownVrids: true,
      instances: [
        {
          name: 'VI_1',
          version: variant.version,
          family: variant.family,
          vrid: 51,
          interface: 'eth0',
          priority,
          standing: 'normal',
          advertInterval: variant.advertMs * 1_000,
          downTimerAdverts: 3,
          ...(variant.password === undefined ? {} : { auth: { type: 'password', password: variant.password } }),
          addresses: [
            { address: variant.address, prefix: variant.prefix, interface: 'eth0', advertised: true, scope: 0 },
          ],
          trackInterfaces: [],
          dontTrackPrimary: false,
          preempt: true,
          preemptDelay: 0,
          garp: {
            delay: 5 * second,
            repeat: 5,
            refresh: 0,
            refreshRepeat: 1,
            lowerPrioDelay: 5 * second,
            lowerPrioRepeat: 5,
            interval: 0,
            gnaInterval: 0,
          },
          startState: 'backup',
          skipCheckAdvAddr: false,
          lowerPrioNoAdvert: false,
          higherPrioSendAdvert: false,
          v3ChecksumAsV2: false,
          accept: true,
        },
      ],
    }),
  );
  let child: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals) => {
    const running = child;
    assert(running !== undefined);
    const exit = once(running, 'exit');
    running.kill(signal);
    await exit;
  };
  return {
    name: 'ours',
    priority,
    start: () => {
      child = lab.start('ours', 'ours.log', process.execPath, STANDALONE, '--run-dir', lab.directory, settings);
    },
    kill: () => end('SIGKILL'),
    stop: async () => {
      await end('SIGTERM');
      assert.equal(child?.exitCode, 0, lab.log('ours.log'));
    },
    transitions: () =>
      lab
        .log('ours.log')
        .split('\n')
        .filter((line) => line.includes('"kind":"vrrp.state"'))
        .map((line) => /"to":"(\w+)"/.exec(line)?.[1] ?? ''),
  };
}

function theirs(lab: Lab, variant: Variant, priority: number): Router {
  const file = (name: string) => join(lab.directory, name);
  const auth =
    variant.password === undefined
      ? ''
      : `authentication {
    auth_type PASS
    auth_pass ${variant.password}
  }`;
  writeFileSync(
    file('keepalived.conf'),
    `vrrp_instance VI_1 {
  version ${variant.version}
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int ${variant.advertMs / 1_000}
  ${auth}
  virtual_ipaddress {
    ${variant.address}/${variant.prefix}
  }
}
`,
  );
  let parent: ChildProcess | undefined;
  const command = ['keepalived', '-n', '-l', '-D', '-P', '-f', file('keepalived.conf'), '-p', file('ka.pid')];
  return {
    name: 'theirs',
    priority,
    start: () => {
      parent = lab.start('theirs', 'theirs.log', ...command, '-r', file('ka-vrrp.pid'));
    },
    kill: async () => {
      const running = parent;
      assert(running !== undefined);
      const exit = once(running, 'exit');
      // The parent would start the child again, and the child of a dead parent ends tidily.
      running.kill('SIGSTOP');
      process.kill(Number(readFileSync(file('ka-vrrp.pid'), 'utf8')), 'SIGKILL');
      running.kill('SIGKILL');
      await exit;
      for (const name of ['ka.pid', 'ka-vrrp.pid']) rmSync(file(name), { force: true });
    },
    stop: async () => {
      const running = parent;
      assert(running !== undefined);
      const exit = once(running, 'exit');
      running.kill('SIGTERM');
      await exit;
    },
    transitions: () =>
      lab
        .log('theirs.log')
        .split('\n')
        .map((line) => /Entering (\w+) STATE/.exec(line)?.[1]?.toLowerCase())
        .filter((state) => state !== undefined),
  };
}

function masterDownMs(variant: Variant, priority: number): number {
  const skew = ((256 - priority) / 256) * (variant.version === 2 ? 1_000 : variant.advertMs);
  return 3 * variant.advertMs + skew;
}

/** Packets of the capture, as tshark understands them. */
function captured(
  file: string,
): { source: string; ttl: number; priority: number; checksum: string; malformed: boolean }[] {
  const fields = ['ip.src', 'ipv6.src', 'ip.ttl', 'ipv6.hlim', 'vrrp.prio', 'vrrp.checksum.status', '_ws.malformed'];
  const options = ['-o', 'vrrp.v3_checksum_as_in_v2:FALSE', '-Y', 'vrrp', '-T', 'fields', '-E', 'separator=,'];
  return sh('tshark', '-r', file, ...options, ...fields.flatMap((field) => ['-e', field]))
    .trim()
    .split('\n')
    .map((line) => {
      const [source4, source6, ttl, hopLimit, priority, checksum = '', malformed] = line.split(',');
      return {
        source: source4 || source6 || '',
        ttl: Number(ttl || hopLimit),
        priority: Number(priority),
        checksum,
        malformed: malformed !== '',
      };
    });
}

let labs = 0;

async function scenario(variant: Variant, oursHigher: boolean): Promise<void> {
  const lab = new Lab(++labs);
  try {
    const capture = join(lab.directory, 'lan.pcap');
    const tcpdump = lab.start(
      'lan',
      'tcpdump.log',
      'tcpdump',
      '-U',
      '--immediate-mode',
      '-i',
      'br0',
      '-w',
      capture,
      'proto 112 or ip6 proto 112 or arp or icmp6',
    );
    await waitFor(() => lab.log('tcpdump.log').includes('listening on'), { deadline: 10_000, what: 'tcpdump' });
    const own = ours(lab, variant, oursHigher ? 150 : 100);
    const peer = theirs(lab, variant, oursHigher ? 100 : 150);
    const [high, low] = oursHigher ? [own, peer] : [peer, own];
    // A start takes time of its own: Node some 300 ms, keepalived up to a second.
    const startMs = 3_000;
    const holders = () =>
      [own, peer].filter(({ name }) => lab.addresses(name).includes(variant.address)).map(({ name }) => name);
    const owned = (router: Router, limitMs: number, what: string) =>
      waitFor(() => lab.addresses(router.name).includes(variant.address), {
        deadline: limitMs + MARGIN_MS,
        what: `${router.name}: ${what}`,
      });
    const alone = (router: Router, what: string) =>
      waitFor(() => holders().join() === router.name, {
        deadline: MARGIN_MS + startMs,
        what: `only ${router.name} has it: ${what}`,
      });

    low.start();
    await owned(low, masterDownMs(variant, low.priority) + startMs, 'takes over while alone');
    high.start();
    await owned(high, masterDownMs(variant, high.priority) + startMs, 'preempts the lower priority');
    await alone(high, 'after preemption');

    await high.kill();
    assert(lab.addresses(high.name).includes(variant.address), 'a killed router leaves its address');
    await owned(low, masterDownMs(variant, low.priority), 'takes over after kill -9');
    high.start();
    await alone(low, 'the restarted router removes what it left').catch((error: unknown) => {
      // The window may be shorter than one look of ours: keepalived's own log then says it.
      if (!(error instanceof WaitTimeout) || high.name === 'ours') throw error;
      assert.match(lab.log('theirs.log'), /removing VIPs/);
    });
    await owned(high, masterDownMs(variant, high.priority) + startMs, 'preempts after its restart');
    await alone(high, 'after its restart');

    const stopping = high.stop();
    const skewMs = masterDownMs(variant, low.priority) - 3 * variant.advertMs;
    await owned(low, skewMs, 'takes over after priority 0');
    await stopping;
    assert.deepEqual(holders(), [low.name], 'a stopped router takes its address away');
    high.start();
    await owned(high, masterDownMs(variant, high.priority) + startMs, 'preempts again');
    await alone(high, 'at the end');
    await low.stop();
    await high.stop();
    assert.deepEqual(holders(), []);
    const flushed = once(tcpdump, 'exit');
    tcpdump.kill('SIGTERM');
    await flushed;

    assert.deepEqual(high.transitions().filter(isWorking), Array(3).fill(['backup', 'master']).flat());
    assert.deepEqual(low.transitions().filter(isWorking), ['backup', ...Array(3).fill(['master', 'backup']).flat()]);
    const packets = captured(capture);
    const sources = new Set(packets.map(({ source }) => source));
    assert.equal(sources.size, 2);
    for (const source of sources) {
      const sent = packets.filter((packet) => packet.source === source);
      assert(sent.length >= 3, `${source} sent ${sent.length} adverts`);
      for (const packet of sent)
        assert.deepEqual(
          { ttl: packet.ttl, checksum: packet.checksum, malformed: packet.malformed },
          { ttl: 255, checksum: '1', malformed: false },
          `${source}: ${JSON.stringify(packet)}`,
        );
    }
    const handedOver = packets.filter(({ priority }) => priority === 0).map(({ ttl, checksum }) => ({ ttl, checksum }));
    assert(handedOver.length >= 2, 'a router that stops as master says priority 0');
    assert.doesNotMatch(lab.log('ours.log'), /bad-packet/);
    assert.doesNotMatch(lab.log('theirs.log'), /invalid|mismatch|incorrect|bad/i);
  } catch (error) {
    for (const file of ['ours.log', 'theirs.log']) process.stderr.write(`--- ${file}\n${lab.log(file)}`);
    throw error;
  } finally {
    await lab.close();
  }
}

const isWorking = (state: string) => state === 'backup' || state === 'master';

describe('our vrrp process beside keepalived', { concurrency: 3 }, () => {
  for (const variant of variants) {
    it(`is master by priority: ${variant.name}`, () => scenario(variant, true));
    it(`is backup by priority: ${variant.name}`, () => scenario(variant, false));
  }
});
