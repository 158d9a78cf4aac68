import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';

// Routers on a LAN of namespaces: our vrrp process and Debian's keepalived. Needs root and keepalived.

export const STANDALONE = fileURLToPath(new URL('../../../apps/node-agent/src/vrrp/standalone.ts', import.meta.url));
const SECOND = 1_000_000;

export interface Variant {
  readonly name: string;
  readonly version: 2 | 3;
  readonly family: 'ipv4' | 'ipv6';
  readonly advertMs: number;
  readonly peer?: 'keepalived' | 'frr';
  readonly password?: string;
  /** The password is the key of an authentication header. */
  readonly ah?: true;
  readonly unicast?: true;
  readonly vmac?: true;
  readonly address: string;
  readonly prefix: number;
}

export type Host = 'ours' | 'theirs';

/** Of eth0. */
export const MACS = { ours: '02:00:00:00:00:01', theirs: '02:00:00:00:00:02' } as const;

export const VRID = 51;

/** RFC 9568 section 7.3. */
export function virtualMac({ family }: Variant): string {
  return `00:00:5e:00:0${family === 'ipv4' ? 1 : 2}:${VRID.toString(16)}`;
}

/** Of a router, as {@link Lab.plug} gives it. */
function ownAddress({ family }: Variant, host: Host): string {
  const number = host === 'ours' ? 1 : 2;
  return family === 'ipv4' ? `192.0.2.${number}` : `fd00::${number}`;
}

export function sh(...command: string[]): string {
  const [program = '', ...rest] = command;
  return execFileSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

let labs = 0;

/** Two routers on a bridge, in namespaces of their own: `ours` is 192.0.2.1, `theirs` 192.0.2.2. */
export class Lab {
  readonly directory = mkdtempSync(join(tmpdir(), 'kf-vrrp-'));
  readonly #prefix = `kf-vrrp-${process.pid}-${++labs}`;
  readonly #children: ChildProcess[] = [];

  constructor() {
    const lan = this.namespace('lan');
    sh('ip', 'netns', 'add', lan);
    sh('ip', '-n', lan, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    sh('ip', '-n', lan, 'link', 'set', 'br0', 'up');
    for (const host of ['ours', 'theirs'] as const) {
      sh('ip', 'netns', 'add', this.namespace(host));
      this.plug(host);
    }
  }

  /** Gives a router its eth0. */
  plug(host: Host): void {
    const [space, lan, number] = [this.namespace(host), this.namespace('lan'), host === 'ours' ? 1 : 2];
    sh('ip', 'link', 'add', 'eth0', 'netns', space, 'type', 'veth', 'peer', 'name', host, 'netns', lan);
    sh('ip', '-n', lan, 'link', 'set', host, 'master', 'br0', 'up');
    sh('ip', 'netns', 'exec', space, 'sysctl', '-qw', 'net.ipv6.conf.eth0.accept_dad=0');
    sh('ip', '-n', space, 'link', 'set', 'eth0', 'address', MACS[host], 'up');
    sh('ip', '-n', space, 'addr', 'add', `192.0.2.${number}/24`, 'dev', 'eth0');
    sh('ip', '-n', space, 'addr', 'add', `fd00::${number}/64`, 'dev', 'eth0', 'nodad');
  }

  namespace(name: Host | 'lan'): string {
    return `${this.#prefix}-${name}`;
  }

  /** An ip command in a router's namespace. */
  ip(host: Host, ...command: string[]): string {
    return sh('ip', '-n', this.namespace(host), ...command);
  }

  /** An ip command where the bridge of all is. */
  ipLan(...command: string[]): string {
    return sh('ip', '-n', this.namespace('lan'), ...command);
  }

  /** The path has slashes. */
  sysctl(host: Host, path: string, value: string): void {
    sh('ip', 'netns', 'exec', this.namespace(host), 'sysctl', '-qw', `${path}=${value}`);
  }

  start(name: Host | 'lan', file: string, ...command: string[]): ChildProcess {
    const child = spawn('sh', ['-c', 'exec ip netns exec "$0" "$@" >>"$LOG" 2>&1', this.namespace(name), ...command], {
      stdio: 'ignore',
      env: { ...process.env, LOG: join(this.directory, file) },
    });
    this.#children.push(child);
    return child;
  }

  /**
   * Writes what goes over the LAN and passes the filter of pcap-filter(7) into the file, from when the promise is
   * fulfilled until what it gives is called.
   */
  async capture(file: string, filter: string): Promise<() => Promise<void>> {
    const log = `${file}.log`;
    const path = join(this.directory, file);
    const tcpdump = this.start('lan', log, 'tcpdump', '-U', '--immediate-mode', '-i', 'br0', '-w', path, filter);
    await waitFor(() => this.log(log).includes('listening on'), {
      deadline: 90_000,
      what: `tcpdump: ${this.log(log)}`,
    });
    return async () => {
      const flushed = once(tcpdump, 'exit');
      tcpdump.kill('SIGTERM');
      await flushed;
    };
  }

  log(file: string): string {
    const path = join(this.directory, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Addresses of a router, as the kernel has them; those of an interface that FRR holds down are nobody's. */
  addresses(host: Host): string[] {
    const links: unknown = JSON.parse(this.ip(host, '-d', '-j', 'addr', 'show'));
    assert(Array.isArray(links));
    return links.flatMap((link: { proto_down?: boolean; addr_info: { local: string }[] }) =>
      link.proto_down === true ? [] : link.addr_info.map((one) => one.local),
    );
  }

  async close(): Promise<void> {
    const running = this.#children.filter((child) => child.exitCode === null && child.signalCode === null);
    await Promise.all(
      running.map((child) => {
        const exit = once(child, 'exit');
        child.kill('SIGKILL');
        return exit;
      }),
    );
    for (const name of ['ours', 'theirs', 'lan'] as const) {
      // Scripts, and the processes of an agent, outlive whoever started them.
      for (const pid of sh('ip', 'netns', 'pids', this.namespace(name)).split('\n').filter(Boolean))
        killed(Number(pid));
      sh('ip', 'netns', 'del', this.namespace(name));
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** A router program in its namespace. */
export interface Router {
  readonly host: Host;
  readonly priority: number;
  start(): void;
  /** Ends it at once, leaving everything as it is. */
  kill(): Promise<void>;
  /** Lets it hand over and end. */
  stop(): Promise<void>;
  /** After a crash it takes away at its start what it had. */
  readonly removesLeftovers: boolean;
  /** States entered since the first start, where its log tells. */
  transitions(): string[] | undefined;
}

export interface InstanceSettings {
  readonly name: string;
  readonly priority: number;
  readonly standing: 'normal' | 'last-resort';
  readonly [field: string]: unknown;
}

/** What the link sends, as far as the tests look at it. */
export interface ProcessMessage {
  readonly type: string;
  readonly incarnation?: string;
  readonly revision?: string | null;
  readonly reason?: string;
  readonly seq?: number;
  readonly outcome?: { readonly ok: boolean; readonly reason?: string };
  readonly event?: { readonly kind: string; readonly [field: string]: unknown };
  readonly snapshot?: {
    readonly lateness: { readonly worst: number; readonly late: number };
    readonly instances: readonly {
      readonly name: string;
      readonly state: string;
      readonly effectivePriority: number;
      readonly addressesInPlace: boolean;
      readonly counters: {
        readonly errors: Readonly<Record<string, number>>;
        readonly becameMaster: number;
        readonly advertsSent: number;
        readonly advertsReceived: number;
      };
      readonly causes: readonly { readonly kind: string; readonly name?: string }[];
    }[];
    readonly notifyFifos?: readonly { readonly written: number; readonly dropped: number }[];
  };
}

/** A control process of few words: keeps all that our process tells. */
export class Control {
  readonly messages: ProcessMessage[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    createInterface(socket).on('line', (line) => this.messages.push(JSON.parse(line) as ProcessMessage));
  }

  static async connect(runDirectory: string): Promise<Control> {
    const socket = await waitFor(
      async () => {
        const attempt = connect(join(runDirectory, 'vrrp.sock'));
        await once(attempt, 'connect');
        return attempt;
      },
      { deadline: 90_000, what: 'the process link' },
    );
    return new Control(socket);
  }

  send(message: object): void {
    this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  /** The first message, from number `from` on, for which `wanted` holds. */
  message(what: string, wanted: (message: ProcessMessage) => boolean, from = 0): Promise<ProcessMessage> {
    return waitFor(() => this.messages.slice(from).find(wanted), { deadline: 90_000, what });
  }

  event(kind: string, from = 0): Promise<ProcessMessage> {
    return this.message(`event ${kind}`, (message) => message.event?.kind === kind, from);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Our vrrp process, with settings of its own and no control process. */
export class OurRouter implements Router {
  readonly host = 'ours';
  readonly removesLeftovers = true;
  readonly priority: number;
  readonly runDirectory: string;
  readonly instance: InstanceSettings;
  readonly #lab: Lab;
  readonly settingsFile: string;
  #child: ChildProcess | undefined;

  /** `changes` to its instance, `more` settings of the whole process. */
  constructor(lab: Lab, variant: Variant, priority: number, changes: object = {}, more: object = {}) {
    this.#lab = lab;
    this.priority = priority;
    this.runDirectory = join(lab.directory, 'run');
    mkdirSync(this.runDirectory);
    this.instance = { ...instanceSettings(variant, priority), ...changes };
    this.settingsFile = join(lab.directory, 'settings.json');
    writeFileSync(this.settingsFile, JSON.stringify({ ...this.settings(this.instance), ...more }));
  }

  settings(...instances: InstanceSettings[]): object {
    return { startupDelay: 0, logUnknownVrids: true, instances };
  }

  start(): void {
    this.#child = this.#lab.start('ours', 'ours.log', ...this.command());
  }

  get pid(): number {
    assert(this.#child?.pid !== undefined);
    return this.#child.pid;
  }

  command(): string[] {
    return [process.execPath, STANDALONE, '--run-dir', this.runDirectory, this.settingsFile];
  }

  signal(signal: NodeJS.Signals): void {
    assert(this.#child?.kill(signal) === true);
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    assert.equal(this.#child?.exitCode, 0, this.#lab.log('ours.log'));
  }

  transitions(): string[] {
    const lines = this.#lab.log('ours.log').split('\n');
    return lines
      .filter((line) => line.includes('"kind":"vrrp.state"'))
      .map((line) => /"to":"(\w+)"/.exec(line)?.[1] ?? '');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#child;
    assert(running !== undefined);
    const exit = once(running, 'exit');
    running.kill(signal);
    await exit;
  }
}

/** Debian's keepalived. */
export class Keepalived implements Router {
  readonly host = 'theirs';
  readonly removesLeftovers = true;
  readonly priority: number;
  readonly #lab: Lab;
  #parent: ChildProcess | undefined;

  /** `lines` are added to the vrrp_instance; the last one of a keyword rules. */
  constructor(lab: Lab, variant: Variant, priority: number, ...lines: string[]) {
    this.#lab = lab;
    this.priority = priority;
    const auth =
      variant.password === undefined
        ? []
        : [
            'authentication {',
            `  auth_type ${variant.ah === true ? 'AH' : 'PASS'}`,
            `  auth_pass ${variant.password}`,
            '}',
          ];
    const unicast =
      variant.unicast === true
        ? [`unicast_src_ip ${ownAddress(variant, 'theirs')}`, 'unicast_peer {', `  ${ownAddress(variant, 'ours')}`, '}']
        : [];
    const instance = [
      `version ${variant.version}`,
      'state BACKUP',
      'interface eth0',
      `virtual_router_id ${VRID}`,
      `priority ${priority}`,
      `advert_int ${variant.advertMs / 1_000}`,
      ...auth,
      ...unicast,
      ...(variant.vmac === true ? ['use_vmac'] : []),
      'virtual_ipaddress {',
      `  ${variant.address}/${variant.prefix}`,
      '}',
      ...lines,
    ];
    writeFileSync(this.#file('keepalived.conf'), `vrrp_instance VI_1 {\n${instance.join('\n')}\n}\n`);
  }

  start(): void {
    const [conf, parent, child] = [this.#file('keepalived.conf'), this.#file('ka.pid'), this.#file('ka-vrrp.pid')];
    const command = ['keepalived', '-n', '-l', '-D', '-P', '-f', conf, '-p', parent, '-r', child];
    this.#parent = this.#lab.start('theirs', 'theirs.log', ...command);
  }

  async kill(): Promise<void> {
    const running = this.#parent;
    assert(running !== undefined);
    const exit = once(running, 'exit');
    // The parent would start the child again, and the child of a dead parent ends tidily.
    running.kill('SIGSTOP');
    process.kill(Number(readFileSync(this.#file('ka-vrrp.pid'), 'utf8')), 'SIGKILL');
    running.kill('SIGKILL');
    await exit;
    for (const name of ['ka.pid', 'ka-vrrp.pid']) rmSync(this.#file(name), { force: true });
  }

  async stop(): Promise<void> {
    const running = this.#parent;
    assert(running !== undefined);
    const exit = once(running, 'exit');
    running.kill('SIGTERM');
    await exit;
  }

  transitions(): string[] {
    const lines = this.#lab.log('theirs.log').split('\n');
    return lines
      .map((line) => /Entering (\w+) STATE/.exec(line)?.[1]?.toLowerCase())
      .filter((state) => state !== undefined);
  }

  #file(name: string): string {
    return join(this.#lab.directory, name);
  }
}

const VMAC = `vrrp.${VRID}`;

function instanceSettings(variant: Variant, priority: number): InstanceSettings {
  const { version, family, advertMs, password, address, prefix } = variant;
  return {
    name: 'VI_1',
    version,
    family,
    vrid: VRID,
    interface: 'eth0',
    priority,
    standing: 'normal',
    advertInterval: advertMs * 1_000,
    downTimerAdverts: 3,
    ...(password === undefined ? {} : { auth: { type: variant.ah === true ? 'ah' : 'password', password } }),
    ...(variant.unicast === true
      ? { unicast: { source: ownAddress(variant, 'ours'), peers: [{ address: ownAddress(variant, 'theirs') }] } }
      : {}),
    ...(variant.vmac === true
      ? {
          virtualInterface: {
            kind: 'macvlan',
            name: VMAC,
            mac: virtualMac(variant),
            transmitBase: false,
          },
        }
      : {}),
    addresses: [{ address, prefix, interface: variant.vmac === true ? VMAC : 'eth0', advertised: true, scope: 0 }],
    trackInterfaces: [],
    dontTrackPrimary: false,
    preempt: true,
    preemptDelay: 0,
    garp: {
      delay: 5 * SECOND,
      repeat: 5,
      refresh: 0,
      refreshRepeat: 1,
      lowerPrioDelay: 5 * SECOND,
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
  };
}
