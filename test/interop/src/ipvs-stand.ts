import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '@keepfleet/testkit';
import { OurNode, emptyNamespace } from './ipvs-node.ts';

const ROOT = '/run/kf-ipvs';
const CLIENT = join(import.meta.dirname, 'ipvs-client-main.ts');
const FRONT = 'kf-front';
const BACK = 'kf-back';

/**
 * Two networks: the front (198.51.100.0/24, 2001:db8::/64) with a client and directors, the back (192.168.1.0/24, fd00::/64)
 * with directors and servers s1 to s4. s1 and s2 are for NAT: their way out is the director. s3 and s4 are in the front as
 * well, for direct routing and tunnels: they have the virtual addresses on their loopback and answer the client themselves.
 */
export class IpvsStand {
  readonly directors: OurNode[] = [];
  readonly #namespaces: string[] = [];
  readonly #plugs: string[] = [];
  readonly #servers = new Map<string, ChildProcess>();
  #client: ChildProcess | undefined;
  readonly #answers = new Map<number, unknown>();
  #orders = 0;

  constructor(virtualAddresses: readonly string[]) {
    // Devices of tunnels are in the namespaces that are made after their modules.
    for (const module of ['ipip', 'ip6_tunnel', 'sit', 'ip_gre', 'ip6_gre', 'fou', 'nf_conntrack', 'sctp'])
      execFileSync('modprobe', ['-d', '/run/modules', module]);
    mkdirSync(ROOT, { recursive: true });
    for (const bridge of [FRONT, BACK]) {
      ip('link', 'add', bridge, 'type', 'bridge', 'mcast_snooping', '0');
      ip('link', 'set', bridge, 'up');
    }
    this.#namespace('kf-c');
    this.plug('kf-c', 'eth0', FRONT, ['198.51.100.2/24', '2001:db8::2/64']);
    for (let last = 101; last <= 124; last++)
      ip('-n', 'kf-c', 'address', 'add', `198.51.100.${last}/24`, 'dev', 'eth0');
    ip('-n', 'kf-c', 'route', 'add', '203.0.113.0/24', 'via', '198.51.100.1');
    this.#client = spawn('ip', ['netns', 'exec', 'kf-c', process.execPath, CLIENT], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (this.#client.stdout)
      createInterface(this.#client.stdout).on('line', (line) => {
        const { id, value } = JSON.parse(line) as { id: number; value: unknown };
        this.#answers.set(id, value);
      });
    for (const number of [1, 2, 3, 4]) this.#server(number, number > 2 ? virtualAddresses : []);
  }

  /** A director of that number with legs in both networks, its agent not started. */
  director(number: number): OurNode {
    const node = new OurNode(`kf-d${number}`);
    this.plug(node.name, 'eth0', FRONT, [`198.51.100.${20 + number}/24`, `2001:db8::${20 + number}/64`]);
    this.plug(node.name, 'eth1', BACK, [`192.168.1.${20 + number}/24`, `fd00::${20 + number}/64`]);
    this.directors.push(node);
    // A new namespace has the guest's settings of IPv4, and the kernel's own of IPv6.
    node.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
    return node;
  }

  plug(namespace: string, device: string, bridge: string, addresses: readonly string[]): void {
    const outer = `${namespace.replace('kf-', '')}${device}`;
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', device, 'netns', namespace);
    this.#plugs.push(outer);
    ip('link', 'set', outer, 'master', bridge, 'up');
    ip('-n', namespace, 'link', 'set', device, 'up');
    for (const address of addresses)
      ip('-n', namespace, 'address', 'add', address, 'dev', device, ...(address.includes(':') ? ['nodad'] : []));
  }

  async tell(order: Readonly<Record<string, unknown>>): Promise<unknown> {
    const id = ++this.#orders;
    this.#client?.stdin?.write(`${JSON.stringify({ id, ...order })}\n`);
    await waitFor(() => this.#answers.has(id), { deadline: 120_000, what: `an answer to ${JSON.stringify(order)}` });
    return this.#answers.get(id);
  }

  /** The servers that answered connections from these sources, one after another, each staying open. */
  async open(host: string, port: number, sources: readonly (string | null)[]): Promise<string[]> {
    return (await this.tell({ kind: 'open', host, port, sources })) as string[];
  }

  async close(): Promise<void> {
    await this.tell({ kind: 'close' });
  }

  /** A program in the namespace of a server, for as long as that is there. */
  serve(number: number, program: string, ...args: readonly string[]): void {
    spawn('ip', ['netns', 'exec', `kf-s${number}`, program, ...args], { stdio: 'ignore', detached: true });
  }

  /** What a program says in the client's namespace. */
  ask(program: string, ...args: readonly string[]): string {
    return execFileSync('ip', ['netns', 'exec', 'kf-c', program, ...args], { encoding: 'utf8' }).trim();
  }

  stopServer(number: number): void {
    const child = this.#servers.get(`s${number}`);
    if (child?.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    this.#servers.delete(`s${number}`);
  }

  startServer(number: number): void {
    const name = `s${number}`;
    const directory = join(ROOT, name);
    mkdirSync(directory, { recursive: true });
    writeFileSync(
      join(directory, 'nginx.conf'),
      `daemon off; worker_processes 1; pid ${directory}/pid; error_log ${directory}/error.log;
       events { worker_connections 256; }
       http {
         access_log off; keepalive_timeout 600s; keepalive_requests 10000;
         client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory};
         uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
         server {
           listen 80; listen [::]:80; listen 8200; listen 8201;
           location /health { if (-f ${directory}/sick) { return 503; } return 200 "well\\n"; }
           location / { return 200 "${name}\\n"; }
         }
       }`,
    );
    const args = ['netns', 'exec', `kf-${name}`, 'nginx', '-e', join(directory, 'error.log')];
    const child = spawn('ip', [...args, '-c', join(directory, 'nginx.conf')], { stdio: 'ignore', detached: true });
    this.#servers.set(name, child);
  }

  /** A sick server serves on; only its health page says otherwise. */
  makeSick(number: number, sick: boolean): void {
    const file = join(ROOT, `s${number}`, 'sick');
    if (sick) writeFileSync(file, '');
    else rmSync(file, { force: true });
  }

  /** Whether s3 and s4 take out of GRE what has a checksum, or what has none. */
  takeGreChecksums(wanted: boolean): void {
    for (const number of [3, 4]) {
      const there = ['-n', `kf-s${number}`, 'link'];
      for (const [name, type, local] of [
        ['gre4sum', 'gre', `192.168.1.${number}`],
        ['gre6sum', 'ip6gre', `fd00::${number}`],
      ] as const) {
        const has = execFileSync('ip', [...there, 'show'], { encoding: 'utf8' }).includes(name);
        if (has === wanted) continue;
        if (!wanted) ip(...there, 'del', name);
        else {
          ip(...there, 'add', name, 'type', type, 'local', local, 'icsum');
          ip(...there, 'set', name, 'up');
        }
      }
    }
  }

  async down(): Promise<void> {
    this.#client?.kill('SIGKILL');
    for (const name of [...this.#servers.keys()]) this.stopServer(Number(name.slice(1)));
    for (const director of this.directors) await emptyNamespace(director.name);
    for (const namespace of this.#namespaces) await emptyNamespace(namespace);
    // A namespace goes in the background, and its devices with it; the next stand wants the names at once.
    for (const outer of this.#plugs) ip('link', 'del', outer);
    for (const namespace of this.#namespaces) ip('netns', 'del', namespace);
    for (const director of this.directors) await director.remove();
    for (const bridge of [FRONT, BACK]) ip('link', 'del', bridge);
  }

  #server(number: number, virtualAddresses: readonly string[]): void {
    const namespace = `kf-s${number}`;
    this.#namespace(namespace);
    this.plug(namespace, 'eth1', BACK, [`192.168.1.${number}/24`, `fd00::${number}/64`]);
    if (number <= 2) {
      ip('-n', namespace, 'route', 'add', 'default', 'via', '192.168.1.254');
      ip('-n', namespace, '-6', 'route', 'add', 'default', 'via', 'fd00::fe');
    } else {
      this.plug(namespace, 'eth0', FRONT, [`198.51.100.${40 + number}/24`, `2001:db8::${40 + number}/64`]);
      // The virtual addresses are the director's to announce.
      for (const setting of ['arp_ignore=1', 'arp_announce=2'])
        execFileSync('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', `net.ipv4.conf.all.${setting}`]);
      // What comes out of a tunnel and belongs here; the devices are there once their modules are.
      for (const device of ['tunl0', 'ip6tnl0', 'sit0', 'gre0', 'ip6gre0'])
        ip('-n', namespace, 'link', 'set', device, 'up');
      // Of both families: the one that is there by itself takes IPv6 alone.
      ip('-n', namespace, 'link', 'add', 'tun46', 'type', 'ip6tnl', 'mode', 'any', 'local', `fd00::${number}`);
      ip('-n', namespace, 'link', 'set', 'tun46', 'up');
      for (const family of ['-4', '-6'])
        execFileSync('ip', ['netns', 'exec', namespace, 'ip', family, 'fou', 'add', 'port', '6080', 'gue']);
      for (const address of virtualAddresses)
        ip('-n', namespace, 'address', 'add', `${address}/${address.includes(':') ? 128 : 32}`, 'dev', 'lo');
    }
    this.startServer(number);
  }

  #namespace(name: string): void {
    this.#namespaces.push(name);
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }
}

export function ip(...words: readonly string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}
