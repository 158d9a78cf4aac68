import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';

const ROOT = '/run/kf-lvs';

/**
 * A client and web servers in namespaces of their own around the guest's, which is the director: client 198.51.100.2 and
 * 2001:db8::2, virtual addresses .15 on the director, servers 192.168.1.N and fd00::N behind it.
 */
export class LvsStand {
  readonly #servers = new Map<string, number>();

  up(servers: readonly number[]): void {
    mkdirSync(ROOT, { recursive: true });
    this.#host('client', 'eth0', ['198.51.100.2/24', '2001:db8::2/64'], '198.51.100.15', '2001:db8::15');
    this.#ip('address add 198.51.100.15/24 dev eth0');
    this.#ip('address add 2001:db8::15/64 dev eth0 nodad');
    this.#ip('link add eth1 type bridge');
    this.#ip('link set eth1 up');
    this.#ip('address add 192.168.1.1/24 dev eth1');
    this.#ip('address add fd00::1/64 dev eth1 nodad');
    for (const last of servers) {
      this.#host(`w${last}`, `w${last}`, [`192.168.1.${last}/24`, `fd00::${last}/64`], '192.168.1.1', 'fd00::1');
      this.#ip(`link set w${last} master eth1`);
      this.startWeb(last);
    }
  }

  /** An nginx that answers with the name of its server, or with 503 while it is to be sick. */
  startWeb(last: number): void {
    const name = `w${last}`;
    const directory = join(ROOT, name);
    mkdirSync(directory, { recursive: true });
    writeFileSync(
      join(directory, 'nginx.conf'),
      `daemon off; worker_processes 1; pid ${directory}/pid; error_log ${directory}/error.log;
       events { worker_connections 64; }
       http {
         access_log off;
         client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory};
         uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
         server {
           listen 80; listen [::]:80;
           location / { if (-f ${directory}/sick) { return 503; } return 200 "${name}\\n"; }
         }
       }`,
    );
    const child = spawn(
      'ip',
      [
        'netns',
        'exec',
        `kf-lvs-${name}`,
        'nginx',
        '-e',
        join(directory, 'error.log'),
        '-c',
        join(directory, 'nginx.conf'),
      ],
      { stdio: 'ignore', detached: true },
    );
    this.#servers.set(name, child.pid ?? 0);
  }

  async stopWeb(last: number): Promise<void> {
    const pid = this.#servers.get(`w${last}`) ?? 0;
    process.kill(-pid, 'SIGKILL');
    await waitFor(() => this.fetch(`http://192.168.1.${last}/`, []) === undefined, {
      deadline: 60_000,
      what: `the end of w${last}`,
    });
  }

  makeSick(last: number, sick: boolean): void {
    const file = join(ROOT, `w${last}`, 'sick');
    if (sick) writeFileSync(file, '');
    else rmSync(file);
  }

  /** The body that the client gets, or undefined when it gets none. */
  fetch(url: string, prefix: readonly string[] = this.client): string | undefined {
    const [program = '', ...args] = [...prefix, 'curl', '-gsf', '-m', '3', url];
    try {
      return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      // curl says by its exit code that there was no answer, or none of success.
      return undefined;
    }
  }

  get client(): readonly string[] {
    return ['ip', 'netns', 'exec', 'kf-lvs-client'];
  }

  down(): void {
    for (const pid of this.#servers.values()) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    }
  }

  #host(name: string, device: string, addresses: readonly string[], gateway: string, gateway6: string): void {
    const namespace = `kf-lvs-${name}`;
    this.#ip(`netns add ${namespace}`);
    this.#ip(`link add ${device} type veth peer name eth0 netns ${namespace}`);
    this.#ip(`link set ${device} up`);
    this.#ip(`-n ${namespace} link set lo up`);
    this.#ip(`-n ${namespace} link set eth0 up`);
    for (const address of addresses)
      this.#ip(`-n ${namespace} address add ${address} dev eth0${address.includes(':') ? ' nodad' : ''}`);
    this.#ip(`-n ${namespace} route add default via ${gateway}`);
    this.#ip(`-n ${namespace} -6 route add default via ${gateway6}`);
  }

  #ip(words: string): void {
    execFileSync('ip', words.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

export function ipvsadm(...args: readonly string[]): string {
  return execFileSync('ipvsadm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The kernel's table, one line a service or destination, sorted. */
export function kernelTable(): string[] {
  return ipvsadm('-Sn').trim().split('\n').filter(Boolean).sort();
}
