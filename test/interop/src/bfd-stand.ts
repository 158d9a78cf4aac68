import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';

// Two neighbours, `near` (ours) and `far` (FRR's bfdd or Debian's keepalived), each in a namespace, on one link or with a
// router between them. Needs root, keepalived and frr.

const STANDALONE = fileURLToPath(new URL('../../../apps/node-agent/src/bfd/standalone.ts', import.meta.url));
/** Where Debian has FRR's daemons. */
const FRR = '/usr/lib/frr';

export type Place = 'near' | 'far' | 'middle';
export type Hops = 'single' | 'multi';
export type Family = 'ipv4' | 'ipv6';

export function sh(...command: string[]): string {
  const [program = '', ...rest] = command;
  return execFileSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

let stands = 0;

/** Over a single hop: near 192.0.2.1 and far 192.0.2.2; over two: near 192.0.2.1, far 198.51.100.2, a router between them. */
export class BfdStand {
  readonly hops: Hops;
  readonly directory = mkdtempSync(join(tmpdir(), 'kf-bfd-'));
  readonly #prefix = `kf-bfd-${process.pid}-${++stands}`;
  readonly #children: ChildProcess[] = [];

  constructor(hops: Hops) {
    this.hops = hops;
    const places: Place[] = hops === 'single' ? ['near', 'far'] : ['near', 'middle', 'far'];
    for (const place of places) {
      const space = this.namespace(place);
      sh('ip', 'netns', 'add', space);
      const settings = [
        'net.ipv6.conf.default.accept_dad=0',
        'net.ipv4.ip_forward=1',
        'net.ipv6.conf.all.forwarding=1',
      ];
      sh('ip', 'netns', 'exec', space, 'sysctl', '-qw', ...settings);
      this.ip(place, 'link', 'set', 'lo', 'up');
    }
    if (hops === 'single')
      this.#cable(
        ['near', 'eth0', '192.0.2.1/24', '2001:db8:1::1/64'],
        ['far', 'eth0', '192.0.2.2/24', '2001:db8:1::2/64'],
      );
    else {
      this.#cable(
        ['near', 'eth0', '192.0.2.1/24', '2001:db8:1::1/64'],
        ['middle', 'eth0', '192.0.2.254/24', '2001:db8:1::fe/64'],
      );
      this.#cable(
        ['middle', 'eth1', '198.51.100.254/24', '2001:db8:2::fe/64'],
        ['far', 'eth0', '198.51.100.2/24', '2001:db8:2::2/64'],
      );
      for (const [place, four, six] of [
        ['near', '192.0.2.254', '2001:db8:1::fe'],
        ['far', '198.51.100.254', '2001:db8:2::fe'],
      ] as const) {
        this.ip(place, 'route', 'add', 'default', 'via', four);
        this.ip(place, '-6', 'route', 'add', 'default', 'via', six);
      }
    }
  }

  namespace(place: Place): string {
    return `${this.#prefix}-${place}`;
  }

  address(place: 'near' | 'far', family: Family): string {
    if (place === 'near') return family === 'ipv4' ? '192.0.2.1' : '2001:db8:1::1';
    if (this.hops === 'single') return family === 'ipv4' ? '192.0.2.2' : '2001:db8:1::2';
    return family === 'ipv4' ? '198.51.100.2' : '2001:db8:2::2';
  }

  ip(place: Place, ...command: string[]): string {
    return sh('ip', '-n', this.namespace(place), ...command);
  }

  /** Drops all BFD on its way from and to `near`, as a broken path does: no interface goes down. */
  cut(): void {
    this.#nft(
      'add table inet cut; add chain inet cut early { type filter hook prerouting priority -400; }; add rule inet cut early udp dport { 3784, 4784 } drop',
    );
  }

  heal(): void {
    this.#nft('delete table inet cut');
  }

  #nft(rules: string): void {
    for (const place of ['near', 'far'] as const)
      sh('ip', 'netns', 'exec', this.namespace(place), 'nft', ...rules.split(' '));
  }

  start(place: Place, file: string, ...command: string[]): ChildProcess {
    const child = spawn('sh', ['-c', 'exec ip netns exec "$0" "$@" >>"$LOG" 2>&1', this.namespace(place), ...command], {
      stdio: 'ignore',
      env: { ...process.env, LOG: join(this.directory, file) },
    });
    this.#children.push(child);
    return child;
  }

  log(file: string): string {
    const path = join(this.directory, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  async end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map((child) => this.end(child)));
    for (const place of this.hops === 'single' ? (['near', 'far'] as const) : (['near', 'middle', 'far'] as const))
      sh('ip', 'netns', 'del', this.namespace(place));
    rmSync(this.directory, { recursive: true, force: true });
  }

  #cable(one: End, other: End): void {
    const peer = ['peer', 'name', other[1], 'netns', this.namespace(other[0])];
    sh('ip', 'link', 'add', one[1], 'netns', this.namespace(one[0]), 'type', 'veth', ...peer);
    for (const [place, name, four, six] of [one, other]) {
      this.ip(place, 'addr', 'add', four, 'dev', name);
      this.ip(place, 'link', 'set', name, 'up');
      this.ip(place, 'addr', 'add', six, 'dev', name);
    }
  }
}

/** Where, the interface, and its addresses. */
type End = readonly [Place, string, string, string];

export interface OurSession {
  readonly name: string;
  readonly state: string;
  readonly since: number;
  readonly diagnostic: number;
  readonly remoteDiagnostic: number;
  readonly transmitInterval: number;
  readonly detectionTime: number;
  readonly polling: boolean;
  readonly counters: {
    readonly up: number;
    readonly down: number;
    readonly packetsSent: number;
    readonly pollsStarted: number;
    readonly pollsFinished: number;
    readonly discarded: Readonly<Record<string, number>>;
  };
}

export interface OurEvent {
  readonly kind: string;
  readonly session?: string;
  readonly from?: string;
  readonly to?: string;
  readonly reason?: string;
  readonly diagnostic?: number;
  readonly silence?: number;
  readonly error?: string;
}

interface Message {
  readonly type: string;
  readonly event?: OurEvent;
  readonly snapshot?: { readonly sessions: readonly OurSession[] };
}

/** Our bfd process, with settings of its own and no control process. */
export class OurBfd {
  readonly events: OurEvent[] = [];
  sessions: readonly OurSession[] = [];
  readonly #stand: BfdStand;
  readonly #place: 'near' | 'far';
  readonly runDirectory: string;
  readonly #settings: object[];
  #child: ChildProcess | undefined;
  #socket: Socket | undefined;

  constructor(stand: BfdStand, sessions: readonly object[], place: 'near' | 'far' = 'near') {
    this.#stand = stand;
    this.#place = place;
    this.#settings = [...sessions];
    this.runDirectory = join(stand.directory, `run-${place}`);
    mkdirSync(this.runDirectory);
  }

  async start(): Promise<void> {
    const file = join(this.#stand.directory, `settings-${this.#place}.json`);
    writeFileSync(file, JSON.stringify({ sessions: this.#settings }));
    const command = [process.execPath, STANDALONE, '--run-dir', this.runDirectory, file];
    this.#child = this.#stand.start(this.#place, `ours-${this.#place}.log`, ...command);
    const socket = await waitFor(
      async () => {
        const attempt = connect(join(this.runDirectory, 'bfd.sock'));
        await once(attempt, 'connect');
        return attempt;
      },
      { deadline: 90_000, what: `the link of our bfd process: ${this.log}` },
    );
    this.#socket = socket;
    createInterface(socket).on('line', (line) => {
      const message = JSON.parse(line) as Message;
      if (message.event !== undefined) this.events.push(message.event);
      if (message.snapshot !== undefined) this.sessions = message.snapshot.sessions;
    });
    this.send({ type: 'resume', incarnation: '', after: 0 });
  }

  get log(): string {
    return this.#stand.log(`ours-${this.#place}.log`);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  send(message: object): void {
    this.#socket?.write(`${JSON.stringify(message)}\n`);
  }

  configure(...sessions: readonly object[]): void {
    this.send({ type: 'configure', revision: String(performance.now()), settings: { sessions } });
  }

  session(name = 'peer'): OurSession | undefined {
    return this.sessions.find((one) => one.name === name);
  }

  /** The first change of state from event number `from` on. */
  change(to: string, from = 0, session = 'peer'): Promise<OurEvent> {
    return waitFor(
      () =>
        this.events
          .slice(from)
          .find((event) => event.kind === 'state-changed' && event.session === session && event.to === to),
      { deadline: 90_000, what: `our session ${session} ${to}; ${this.log.slice(-2_000)}`, every: 5 },
    );
  }

  /** The last change of state of all, once it is one to that state. */
  lastChange(to: string, session: string): Promise<OurEvent> {
    return waitFor(
      () => {
        const last = this.events.findLast((event) => event.kind === 'state-changed' && event.session === session);
        return last?.to === to && last;
      },
      { deadline: 90_000, what: `our session ${session} ${to} at last; ${this.log.slice(-2_000)}`, every: 5 },
    );
  }

  /** The snapshot comes to say so. */
  becomes(what: string, wanted: (session: OurSession) => boolean, session = 'peer'): Promise<OurSession> {
    return waitFor(
      () => {
        const one = this.session(session);
        return one !== undefined && wanted(one) && one;
      },
      { deadline: 90_000, what: `our session: ${what}; ${JSON.stringify(this.session(session))}` },
    );
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#socket?.destroy();
    if (this.#child !== undefined) await this.#stand.end(this.#child, signal);
  }
}

export interface FrrPeer {
  readonly peer: string;
  readonly status: string;
  readonly diagnostic: string;
  readonly 'remote-diagnostic': string;
  readonly 'receive-interval': number;
  readonly 'transmit-interval': number;
  readonly 'remote-receive-interval': number;
  readonly 'remote-transmit-interval': number;
  readonly 'remote-detect-multiplier': number;
}

/** FRR's bfdd with the zebra that it asks for interfaces. */
export class Frr {
  readonly #stand: BfdStand;
  readonly #lines: readonly string[];
  readonly #directory: string;
  readonly #children: ChildProcess[] = [];

  /** `lines` are those of the block `bfd`. */
  constructor(stand: BfdStand, lines: readonly string[]) {
    this.#stand = stand;
    this.#lines = lines;
    this.#directory = join(stand.directory, 'frr');
  }

  async start(): Promise<void> {
    const at = (name: string) => join(this.#directory, name);
    mkdirSync(this.#directory);
    writeFileSync(at('bfdd.conf'), ['bfd', ...this.#lines, 'exit', ''].join('\n'));
    for (const path of [this.#stand.directory, this.#directory, at('bfdd.conf')])
      chownSync(path, idOf('frr', '-u'), idOf('frr', '-g'));
    const common = [
      '-z',
      at('zserv.api'),
      '--vty_socket',
      this.#directory,
      '-A',
      '127.0.0.1',
      '-P',
      '0',
      '-u',
      'frr',
      '-g',
      'frr',
    ];
    this.#run('frr.log', join(FRR, 'zebra'), '-f', '/dev/null', '-i', at('zebra.pid'), ...common);
    await waitFor(() => existsSync(at('zserv.api')) && existsSync(at('zebra.vty')), {
      deadline: 90_000,
      what: `zebra: ${this.log}`,
    });
    this.#run(
      'frr.log',
      join(FRR, 'bfdd'),
      '-f',
      at('bfdd.conf'),
      '-i',
      at('bfdd.pid'),
      '--bfdctl',
      at('bfdd.ctl'),
      ...common,
    );
    await waitFor(() => existsSync(at('bfdd.vty')), { deadline: 90_000, what: `bfdd: ${this.log}` });
  }

  get log(): string {
    return this.#stand.log('frr.log');
  }

  /** Its session with the neighbour. */
  peer(neighbor: string): FrrPeer | undefined {
    const peers = JSON.parse(this.vtysh('show bfd peers json')) as readonly FrrPeer[];
    return peers.find(({ peer }) => peer === neighbor);
  }

  vtysh(...commands: string[]): string {
    return sh('vtysh', '--vty_socket', this.#directory, ...commands.flatMap((command) => ['-c', command]));
  }

  becomes(what: string, neighbor: string, wanted: (peer: FrrPeer) => boolean): Promise<FrrPeer> {
    return waitFor(
      () => {
        const peer = this.peer(neighbor);
        return peer !== undefined && wanted(peer) && peer;
      },
      { deadline: 90_000, what: `FRR's session: ${what}`, every: 50 },
    );
  }

  async stop(): Promise<void> {
    for (const child of [...this.#children].reverse()) await this.#stand.end(child, 'SIGTERM');
  }

  #run(file: string, ...command: string[]): void {
    this.#children.push(this.#stand.start('far', file, ...command));
  }
}

/** Debian's keepalived with a bfd_instance, and a vrrp_instance that tracks it: its BFD process runs only with one. */
export class KeepalivedBfd {
  readonly #stand: BfdStand;
  readonly #conf: string;
  #child: ChildProcess | undefined;

  /** The lines of each instance, by its name. */
  constructor(stand: BfdStand, instances: Readonly<Record<string, readonly string[]>>) {
    this.#stand = stand;
    this.#conf = join(stand.directory, 'keepalived.conf');
    this.write(instances);
  }

  write(instances: Readonly<Record<string, readonly string[]>>): void {
    const block = (head: string, lines: readonly string[]) => `${head} {\n${lines.join('\n')}\n}\n`;
    const tracked = Object.keys(instances).map((name) => `${name} weight 10`);
    const vrrp = [
      'interface eth0',
      'virtual_router_id 9',
      block('virtual_ipaddress', ['192.0.2.99/32']),
      block('track_bfd', tracked),
    ];
    const blocks = Object.entries(instances).map(([name, lines]) => block(`bfd_instance ${name}`, lines));
    writeFileSync(this.#conf, [...blocks, block('vrrp_instance V', vrrp)].join(''));
  }

  start(): void {
    const at = (name: string) => join(this.#stand.directory, name);
    const command = [
      'keepalived',
      '-n',
      '-l',
      '-D',
      '-f',
      this.#conf,
      '-p',
      at('ka.pid'),
      '-r',
      at('ka-vrrp.pid'),
      '-c',
      at('ka-check.pid'),
      '-b',
      at('ka-bfd.pid'),
    ];
    this.#child = this.#stand.start('far', 'keepalived.log', ...command);
  }

  reload(): void {
    this.#child?.kill('SIGHUP');
  }

  /** States of an instance that its VRRP process was told. */
  states(instance: string): string[] {
    const told = this.log.matchAll(/BFD event: instance (\w+) is in state (\w+)/g);
    return [...told].flatMap(([, name, state = '']) => (name === instance ? [state] : []));
  }

  get log(): string {
    return this.#stand.log('keepalived.log');
  }

  async becomes(state: string, instance: string): Promise<void> {
    const states = () => this.states(instance);
    const what = `keepalived's ${instance} ${state}, not ${states().join(' ')}; ${this.log.slice(-1_500)}`;
    await waitFor(() => states().at(-1) === state, { deadline: 90_000, what });
  }

  async stop(): Promise<void> {
    if (this.#child !== undefined) await this.#stand.end(this.#child, 'SIGTERM');
  }
}

function idOf(user: string, flag: '-u' | '-g'): number {
  return Number(sh('id', flag, user));
}

/** Settings of our session `peer`. */
export function ourSession(
  stand: BfdStand,
  family: Family,
  changes: object = {},
  place: 'near' | 'far' = 'near',
): object {
  return {
    name: 'peer',
    neighbor: stand.address(place === 'near' ? 'far' : 'near', family),
    source: stand.address(place, family),
    hops: stand.hops,
    passive: false,
    desiredMinTx: 50_000,
    requiredMinRx: 50_000,
    idleTx: 1_000_000,
    detectMult: 3,
    ttl: 255,
    leastTtl: stand.hops === 'single' ? 255 : 254,
    ...changes,
  };
}
