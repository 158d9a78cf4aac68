import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';
import { SnmpdStand } from './snmpd.ts';

const DEADLINE = 120_000;
const OPTIONS = { encoding: 'utf8', timeout: 60_000 } as const;

/** The whole agent as installed, with a link `lan0` to a peer in a namespace of its own: 192.0.2.1, and 192.0.2.2 there. */
export class AgentStand extends SnmpdStand {
  readonly peer = `${this.namespace}-peer`;
  readonly #children: ChildProcess[] = [];

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes a file of the stand, for root alone. */
  file(name: string, text: string): string {
    writeFileSync(this.path(name), text, { mode: 0o600 });
    return this.path(name);
  }

  connect(): void {
    this.ip('netns', 'add', this.peer);
    this.ip('link', 'add', 'lan0', 'netns', this.namespace, 'type', 'veth', 'peer', 'name', 'lan0', 'netns', this.peer);
    for (const [namespace, address] of [
      [this.namespace, '192.0.2.1/24'],
      [this.peer, '192.0.2.2/24'],
    ] as const) {
      this.ip('-n', namespace, 'link', 'set', 'lan0', 'up');
      this.ip('-n', namespace, 'address', 'add', address, 'dev', 'lan0');
    }
  }

  get ifIndex(): number {
    return Number(this.inside('cat', '/sys/class/net/lan0/ifindex').stdout);
  }

  link(state: 'up' | 'down'): void {
    this.ip('-n', this.namespace, 'link', 'set', 'lan0', state);
  }

  ip(...words: string[]): void {
    execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  inside(...words: readonly string[]) {
    return spawnSync('ip', ['netns', 'exec', this.namespace, ...words], OPTIONS);
  }

  /** A tool of net-snmp keeps what it learned of engines for itself. */
  inPeer(...words: readonly string[]) {
    const env = { ...process.env, MIBS: '', SNMP_PERSISTENT_DIR: this.path('peer.state') };
    return spawnSync('ip', ['netns', 'exec', this.peer, ...words], { ...OPTIONS, env });
  }

  /** A program with its output in a file of that name; one of ours goes by its name in bin/. */
  launch(log: string, command: readonly string[], namespace = this.namespace): ChildProcess {
    const [name = '', ...words] = command;
    const program = name.startsWith('keepfleet-')
      ? fileURLToPath(new URL(`../../../bin/${name}`, import.meta.url))
      : name;
    const script = 'exec ip netns exec "$0" "$@" >>"$LOG" 2>&1';
    const child = spawn('sh', ['-c', script, namespace, program, ...words], {
      stdio: 'ignore',
      env: { ...process.env, LOG: this.path(log), MIBS: '', SNMP_PERSISTENT_DIR: this.path(`${log}.state`) },
    });
    this.#children.push(child);
    return child;
  }

  /** With `keepalived.conf` and `agent.yaml` of the stand. */
  launchAgent(): ChildProcess {
    return this.launch('agent', [
      ...['keepfleet-agent', '--config', this.path('keepalived.conf'), '--agent-config', this.path('agent.yaml')],
      ...['--run-dir', this.path('run'), '--state-dir', this.path('state')],
    ]);
  }

  /** Without TLS, for agents at 127.0.0.1:7443. */
  launchController(rest: string): ChildProcess {
    return this.launch('controller', [
      ...['keepfleet-controller', '--name', 'c1', '--agent-listen', '127.0.0.1:7443', '--insecure-plaintext'],
      ...['--state-dir', this.path('controller-state'), '--api-listen', `unix:${this.path('api.sock')}`],
      ...['--rest-listen', rest],
    ]);
  }

  /** In the peer's namespace. */
  launchKeepalived(configuration: string): ChildProcess {
    const files = [
      '-f',
      this.file('peer.conf', configuration),
      '-p',
      this.path('peer.pid'),
      '-r',
      this.path('peer.vpid'),
    ];
    return this.launch('peer', ['keepalived', '-n', '-l', '-P', ...files], this.peer);
  }

  signalControl(signal: NodeJS.Signals): void {
    process.kill(Number(readFileSync(this.path('run/control.pid'), 'utf8')), signal);
  }

  async stop(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  logged(name: string): string {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), 'utf8') : '';
  }

  async eventually(what: string, condition: () => unknown): Promise<void> {
    await waitFor(async () => Boolean(await condition()), { deadline: DEADLINE, what, every: 200 }).catch(
      (error: unknown) => {
        const logs = ['agent', 'controller', 'peer'].map((name) => `${name}: ${this.logged(name).slice(-1_500)}`);
        throw new Error([what, ...logs].join('\n'), { cause: error });
      },
    );
  }

  /** Of snmpd, or of the agent itself, without its type. */
  async value(name: string): Promise<string> {
    return (await this.run('snmpget', ['-v2c', '-c', 'public', '-Oqv', '127.0.0.1', name])).out.trim();
  }

  override async close(): Promise<void> {
    for (const child of this.#children.toReversed()) await this.stop(child);
    this.ip('netns', 'del', this.peer);
    await super.close();
  }
}
