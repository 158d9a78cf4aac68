import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { type Lab, type Router, VRID, type Variant, virtualMac } from './vrrp-stand.ts';

const DAEMONS = '/usr/lib/frr';
const MACVLAN = 'frr-vrrp';

/** Debian's FRR: zebra, which stays, and vrrpd. Its address is always on a macvlan that it holds down while backup. */
export class Frr implements Router {
  readonly host = 'theirs';
  readonly removesLeftovers = false;
  readonly priority: number;
  readonly #lab: Lab;
  readonly #directory: string;
  #zebra: ChildProcess | undefined;
  #vrrpd: ChildProcess | undefined;

  constructor(lab: Lab, variant: Variant, priority: number) {
    this.#lab = lab;
    this.priority = priority;
    this.#directory = join(lab.directory, 'frr');
    mkdirSync(this.#directory);
    const { address, prefix, family } = variant;
    lab.ip('theirs', 'link', 'add', MACVLAN, 'link', 'eth0', 'type', 'macvlan', 'mode', 'bridge');
    lab.ip('theirs', 'link', 'set', MACVLAN, 'address', virtualMac(variant));
    // It must have a link-local address of its own before it is held down for the first time.
    lab.sysctl('theirs', `net/ipv6/conf/${MACVLAN}/accept_dad`, '0');
    lab.ip('theirs', 'addr', 'add', `${address}/${prefix}`, 'dev', MACVLAN, ...(family === 'ipv6' ? ['nodad'] : []));
    lab.ip('theirs', 'link', 'set', MACVLAN, 'up');
    const own = `vrrp ${VRID}`;
    const lines = [
      'interface eth0',
      ` ${own} version ${variant.version}`,
      ` ${own} priority ${priority}`,
      ` ${own} advertisement-interval ${variant.advertMs}`,
      ` ${own} ${family === 'ipv4' ? 'ip' : 'ipv6'} ${address}`,
    ];
    writeFileSync(this.#file('vrrpd.conf'), `${lines.join('\n')}\n`);
    writeFileSync(this.#file('zebra.conf'), '');
    // Its daemons give up root.
    execFileSync('chown', ['-R', 'frr:frr', this.#directory]);
    execFileSync('chmod', ['a+rx', lab.directory]);
  }

  start(): void {
    void this.#start();
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  transitions(): undefined {
    return undefined;
  }

  async #start(): Promise<void> {
    this.#zebra ??= this.#daemon('zebra');
    await waitFor(() => existsSync(this.#file('zserv.api')), { deadline: 90_000, what: 'zebra' });
    this.#vrrpd = this.#daemon('vrrpd');
  }

  #daemon(name: 'zebra' | 'vrrpd'): ChildProcess {
    const files = ['-f', this.#file(`${name}.conf`), '-i', this.#file(`${name}.pid`), '-z', this.#file('zserv.api')];
    const command = [`${DAEMONS}/${name}`, ...files, '--vty_socket', this.#directory, '-P', '0', '--log', 'stdout'];
    return this.#lab.start('theirs', 'theirs.log', ...command);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#vrrpd;
    assert(running !== undefined);
    const exit = once(running, 'exit');
    running.kill(signal);
    await exit;
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }
}
