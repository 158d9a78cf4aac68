import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '@keepfleet/testkit';
import {
  FAR,
  FWMARK,
  LATE_VIP,
  LYING_ECHO,
  type Program,
  SERVER,
  SERVER6,
  SLOW_ECHO,
  UNREACHABLE,
  VIP,
  WITHOUT_BFD,
  clients,
  ports,
  programs,
  sequences,
} from './checks-plan.ts';

const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
const SERVERS = join(import.meta.dirname, 'checks-servers.ts');
const ECHOES = join(import.meta.dirname, 'checks-echoes.ts');
const DEADLINE = 60_000;
/** Of routes to FAR, for what is marked and for what is bound to the second address. */
const TABLE = '5';

/** A bridge in the namespace of the servers, and on it each program in a namespace of its own. */
export class ChecksStand {
  readonly directory: string;
  readonly #onHost: boolean;
  readonly #prefix = `kf-checks-${process.pid}`;
  readonly #words: string[] = [];
  #servers: ChildProcess | undefined;
  #echoes: ChildProcess | undefined;

  /** `onHost`: with all that the kernel of the host has, and not the guest's. */
  constructor(directory: string, onHost: boolean) {
    this.directory = directory;
    this.#onHost = onHost;
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'three'), '3\n');
    this.#certificates();
  }

  async up(): Promise<void> {
    const servers = this.#namespace('servers');
    ip(`netns add ${servers}`);
    ip(`-n ${servers} link set lo up`);
    ip(`-n ${servers} link add br0 type bridge`);
    ip(`-n ${servers} link set br0 up`);
    for (const address of [SERVER, WITHOUT_BFD]) ip(`-n ${servers} address add ${address}/24 dev br0`);
    ip(`-n ${servers} address add ${SERVER6}/64 dev br0 nodad`);
    ip(`-n ${servers} address add ${FAR}/32 dev lo`);
    // Every closed port is told of, however many ask.
    this.#within(
      'servers',
      'sysctl',
      '-qw',
      'net.ipv4.icmp_ratelimit=0',
      'net.ipv6.icmp.ratelimit=0',
      'net.ipv4.ip_forward=1',
    );
    ip(`-n ${servers} route add unreachable ${UNREACHABLE}`);
    const echoes = this.#namespace('echoes');
    ip(`netns add ${echoes}`);
    ip(`-n ${echoes} link add eth0 type veth peer name echoes netns ${servers}`);
    ip(`-n ${servers} link set echoes master br0 up`);
    ip(`-n ${echoes} link set eth0 up`);
    for (const address of [SLOW_ECHO, LYING_ECHO]) ip(`-n ${echoes} address add ${address}/24 dev eth0`);
    this.#within('echoes', 'sysctl', '-qw', 'net.ipv4.icmp_echo_ignore_all=1');
    for (const who of programs) {
      const space = this.#namespace(who);
      ip(`netns add ${space}`);
      ip(`-n ${space} link set lo up`);
      ip(`-n ${space} link add eth0 type veth peer name ${who} netns ${servers}`);
      ip(`-n ${servers} link set ${who} master br0 up`);
      ip(`-n ${space} link set eth0 up`);
      const { address, second, ipv6 } = clients[who];
      for (const one of [address, second]) ip(`-n ${space} address add ${one}/24 dev eth0`);
      ip(`-n ${space} address add ${ipv6}/64 dev eth0 nodad`);
      ip(`-n ${space} address add ${VIP}/32 dev lo`);
      ip(`-n ${space} route add ${UNREACHABLE} via ${SERVER}`);
      if (!this.#onHost) continue;
      ip(`-n ${space} route add ${FAR} via ${SERVER} table ${TABLE}`);
      ip(`-n ${space} rule add fwmark ${FWMARK} table ${TABLE}`);
      ip(`-n ${space} rule add from ${clients[who].second} table ${TABLE}`);
    }
    if (this.#onHost)
      this.#within(
        'servers',
        ...['nft', 'add table ip t; add chain ip t in { type filter hook input priority 0; };'],
        `add rule ip t in tcp dport ${ports.dropped} drop;`,
        // A connection is made when it is asked for once more, a second later.
        'add set ip t asked { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 60s; };',
        `add rule ip t in tcp dport ${ports.slowTcp} tcp flags syn ip saddr . tcp sport @asked accept;`,
        `add rule ip t in tcp dport ${ports.slowTcp} tcp flags syn add @asked { ip saddr . tcp sport } drop`,
      );
    const index = JSON.parse(this.#within('echoes', 'ip', '-j', 'link', 'show', 'eth0')) as [{ ifindex: number }];
    this.#echoes = spawn('ip', ['netns', 'exec', echoes, process.execPath, ECHOES, String(index[0].ifindex)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (this.#echoes.stdout) createInterface(this.#echoes.stdout).on('line', (line) => this.#words.push(line));
    await this.#said('echoes');
    const child = spawn('ip', ['netns', 'exec', servers, process.execPath, SERVERS, this.directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#servers = child;
    createInterface(child.stdout).on('line', (line) => this.#words.push(line));
    await this.#said('ready');
  }

  /** The servers speak BFD no longer, the number in the file is 0, and the late address comes. */
  async change(): Promise<void> {
    this.#servers?.stdin?.write('\n');
    await this.#said('ended');
    writeFileSync(join(this.directory, 'three'), '0\n');
    for (const who of programs) ip(`-n ${this.#namespace(who)} address add ${LATE_VIP}/32 dev lo`);
  }

  /** Sequences of answers that the program has not seen the end of. */
  unasked(who: Program): readonly string[] {
    const seen = (port: number) => this.#words.includes(`answered ${port} ${clients[who].address}`);
    return Object.entries(sequences).flatMap(([name, { port, only, asked }]) =>
      (only ?? who) === who && asked && !seen(port) ? [`answers of ${name}`] : [],
    );
  }

  table(who: Program): string {
    return this.#within(who, 'ipvsadm', '-Sn');
  }

  start(who: Program, configuration: string, environment: NodeJS.ProcessEnv): ChildProcess {
    const path = (name: string) => join(this.directory, `${who}.${name}`);
    writeFileSync(path('conf'), configuration);
    const pids = ['p', 'c', 'b'].flatMap((option) => [`-${option}`, path(`${option}.pid`)]);
    const command = {
      keepalived: ['keepalived', '-n', '-D', '-l', '-f', path('conf'), ...pids],
      keepfleet: [
        ...[process.execPath, AGENT, '--config', path('conf'), '--agent-config', path('yaml')],
        ...['--run-dir', path('run'), '--state-dir', path('state')],
      ],
    }[who];
    mkdirSync(path('run'), { recursive: true });
    writeFileSync(path('yaml'), 'node: checks\nsnmp:\n  enabled: false\n');
    const log = openSync(path('log'), 'w');
    return spawn('ip', ['netns', 'exec', this.#namespace(who), ...command], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...environment },
    });
  }

  log(who: Program): string {
    return readFileSync(join(this.directory, `${who}.log`), 'utf8');
  }

  async down(): Promise<void> {
    if (this.#servers !== undefined && this.#servers.exitCode === null) {
      this.#servers.stdin?.end();
      await once(this.#servers, 'exit');
    }
    this.#echoes?.kill('SIGKILL');
    for (const name of ['servers', 'echoes', ...programs] as const) {
      const space = this.#namespace(name);
      const pids = execFileSync('ip', ['netns', 'pids', space], { encoding: 'utf8' }).split('\n').filter(Boolean);
      for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
      ip(`netns delete ${space}`);
    }
  }

  #namespace(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  #within(name: string, ...words: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.#namespace(name), ...words], { encoding: 'utf8' });
  }

  #said(word: string): Promise<unknown> {
    return waitFor(() => this.#words.includes(word), { deadline: DEADLINE, what: `"${word}" of the servers` });
  }

  #certificates(): void {
    const path = (name: string) => join(this.directory, name);
    const openssl = (...words: string[]) =>
      execFileSync('openssl', words, { cwd: this.directory, stdio: ['ignore', 'ignore', 'pipe'] });
    const subject = ['-subj', '/CN=www.example', '-addext', 'subjectAltName=DNS:www.example'];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', path('key')];
    openssl('req', '-x509', ...key, '-days', '1', ...subject, '-out', path('certificate'));
    openssl('req', '-new', '-key', path('key'), ...subject, '-out', path('request'));
    // Only as an authority does openssl give a certificate that has ended.
    writeFileSync(
      path('ca.conf'),
      '[ca]\ndefault_ca = a\n[a]\ndatabase = index\nnew_certs_dir = .\nserial = serial\ndefault_md = sha256\npolicy = p\ncopy_extensions = copy\n[p]\ncommonName = supplied\n',
    );
    writeFileSync(path('index'), '');
    writeFileSync(path('serial'), '01\n');
    openssl(
      ...['ca', '-batch', '-config', path('ca.conf'), '-selfsign', '-keyfile', path('key'), '-in', path('request')],
      ...['-startdate', '20200101000000Z', '-enddate', '20200102000000Z', '-notext', '-out', path('expired')],
    );
  }
}

function ip(words: string): void {
  execFileSync('ip', words.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
}
