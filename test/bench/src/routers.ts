import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@keepfleet/testkit';
import type { Host, Stand } from './stand.ts';

const AGENT = fileURLToPath(new URL('../../../bin/keepfleet-agent', import.meta.url));
const DEADLINE_MS = 15_000;

export interface Instances {
  readonly count: number;
  readonly version: 2 | 3;
  readonly advertMs: number;
  readonly priority: number;
  /** Seconds until the second round of gratuitous ARP; default 5, as both programs have it. */
  readonly garpDelay?: number;
  /** Asked through an snmpd that listens here; default: not asked. */
  readonly snmp?: {
    readonly socket: string;
    /** So many addresses more, of the first instance, that are not advertised. */
    readonly addresses: number;
  };
  /** What stands after the instances in keepalived.conf. */
  readonly services?: string;
}

const MOST_OF_FIRST = 150;

/** Instance n, from 1 on, has VRID n and this address. */
export function virtualAddress(n: number): string {
  return n <= MOST_OF_FIRST ? `192.0.2.${100 + n}` : `198.51.100.${n - MOST_OF_FIRST}`;
}

/** The same keepalived.conf for both programs. */
function keepalivedConf(instances: Instances): string {
  const { count, version, advertMs, priority, garpDelay = 5, snmp, services = '' } = instances;
  const more = Array.from({ length: snmp?.addresses ?? 0 }, (_, i) => `    10.0.${i >> 8}.${i & 255}/32`);
  const blocks = Array.from({ length: count }, (_, index) =>
    [
      `vrrp_instance VI_${index + 1} {`,
      `  version ${version}`,
      `  state ${priority === 255 ? 'MASTER' : 'BACKUP'}`,
      '  interface eth0',
      `  virtual_router_id ${index + 1}`,
      `  priority ${priority}`,
      `  advert_int ${advertMs / 1_000}`,
      `  garp_master_delay ${garpDelay}`,
      '  virtual_ipaddress {',
      `    ${virtualAddress(index + 1)}/24`,
      '  }',
      ...(index === 0 && more.length > 0 ? ['  virtual_ipaddress_excluded {', ...more, '  }'] : []),
      '}',
    ].join('\n'),
  );
  const globals =
    snmp === undefined ? [] : ['global_defs {', '  enable_snmp_vrrp', `  snmp_socket unix:${snmp.socket}`, '}'];
  return `${[...globals, ...blocks].join('\n')}\n${services}`;
}

/** One of the two programs on a host, with files of its own. */
export abstract class Router {
  readonly stand: Stand;
  readonly host: Host;
  protected readonly directory: string;
  #child: ChildProcess | undefined;
  #starts = 0;

  constructor(stand: Stand, host: Host, instances: Instances) {
    this.stand = stand;
    this.host = host;
    this.directory = join(stand.directory, host);
    mkdirSync(this.directory, { recursive: true });
    writeFileSync(this.file('keepalived.conf'), keepalivedConf(instances));
  }

  /** Starts the program; the time of its exec, in milliseconds since 1970. */
  async start(): Promise<number> {
    this.#starts++;
    // The shell tells the time right before it becomes the program.
    const script = 'printf "%s\\n" "$EPOCHREALTIME"; exec "$@" >>"$LOG" 2>&1';
    const command = ['bash', '-c', script, 'bash', ...this.command()];
    const child = this.stand.spawn(this.host, command, { LOG: this.#log(), LC_ALL: 'C' });
    this.#child = child;
    let text = '';
    child.stdout?.on('data', (piece: Buffer) => (text += piece.toString()));
    child.stderr?.on('data', (piece: Buffer) => (text += piece.toString()));
    return waitFor(
      () => {
        const [, time] = /^(\d+\.\d+)\n/.exec(text) ?? [];
        return time === undefined ? undefined : Number(time) * 1_000;
      },
      { deadline: DEADLINE_MS, what: `exec of ${this.command()[0] ?? ''} (${text})`, every: 5 },
    );
  }

  /** Its first instance listens, as backup. */
  async isBackup(): Promise<void> {
    await waitFor(() => this.backupLine.test(existsSync(this.#log()) ? readFileSync(this.#log(), 'utf8') : ''), {
      deadline: DEADLINE_MS,
      what: `a line ${String(this.backupLine)} in the log of ${this.command()[0] ?? ''}: ${this.tail()}`,
    });
  }

  /** Ends it at once, as a loss of power does. */
  abstract kill(): void;

  /** Asks it to end. Does not wait. */
  abstract terminate(): void;

  /** Waits for the end of all its processes, and clears what they have left on disk. */
  async ended(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null)
      await Promise.race([once(child, 'exit'), deadline(`the end of ${this.command()[0] ?? ''}`)]);
    await waitFor(() => this.processes().every(({ pid }) => !isAlive(pid)), {
      deadline: DEADLINE_MS,
      what: `the end of every process of ${this.command()[0] ?? ''}`,
    });
    for (const name of this.pidFiles()) rmSync(this.file(name), { force: true });
  }

  /** Its processes by name. */
  processes(): { readonly name: string; readonly pid: number }[] {
    return this.pidFiles().flatMap((name) => {
      const path = this.file(name);
      return existsSync(path) ? [{ name: name.replace('.pid', ''), pid: Number(readFileSync(path, 'utf8')) }] : [];
    });
  }

  /** The end of its log, for a failure. */
  tail(): string {
    const path = this.#log();
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(-6).join('\n') : 'no log';
  }

  protected abstract readonly backupLine: RegExp;
  protected abstract command(): readonly string[];
  protected abstract pidFiles(): readonly string[];

  protected file(name: string): string {
    return join(this.directory, name);
  }

  protected signal(name: string, signal: NodeJS.Signals): void {
    const pid = this.processes().find((process) => process.name === name)?.pid;
    if (pid !== undefined && isAlive(pid)) process.kill(pid, signal);
  }

  #log(): string {
    return this.file(`log.${this.#starts}`);
  }
}

/** Our agent as it is installed: three processes by bin/keepfleet-agent. */
export class OurRouter extends Router {
  protected readonly backupLine = /"to":"backup"/;

  constructor(stand: Stand, host: Host, instances: Instances) {
    super(stand, host, instances);
    // No snmpd of this machine.
    const socket = instances.snmp?.socket ?? this.file('agentx');
    writeFileSync(this.file('agent.yaml'), `node: ${host}\nsnmp:\n  agentx: unix:${socket}\n`);
  }

  kill(): void {
    // Control first: it would start the others again.
    for (const name of ['control', 'vrrp', 'lvs']) this.signal(name, 'SIGKILL');
  }

  terminate(): void {
    this.signal('control', 'SIGTERM');
  }

  /** Compiled code that an earlier start has left, which makes the next one faster. */
  forgetCompiledCode(): void {
    rmSync(this.file('compile-cache'), { recursive: true, force: true });
  }

  hasCompiledCode(): boolean {
    const path = this.file('compile-cache');
    return existsSync(path) && readdirSync(path).length > 0;
  }

  protected command(): readonly string[] {
    const files = ['--config', this.file('keepalived.conf'), '--agent-config', this.file('agent.yaml')];
    return [AGENT, ...files, '--run-dir', this.directory, '--state-dir', this.file('state')];
  }

  protected pidFiles(): readonly string[] {
    return ['control.pid', 'vrrp.pid', 'lvs.pid'];
  }
}

/** Debian's keepalived, its VRRP alone. */
export class Keepalived extends Router {
  protected readonly backupLine = /Entering BACKUP STATE/;

  kill(): void {
    // The parent would start the child again, and the child of a dead parent ends tidily.
    this.signal('parent', 'SIGSTOP');
    this.signal('vrrp', 'SIGKILL');
    this.signal('parent', 'SIGKILL');
  }

  terminate(): void {
    this.signal('parent', 'SIGTERM');
  }

  protected command(): readonly string[] {
    const files = ['-f', this.file('keepalived.conf'), '-p', this.file('parent.pid'), '-r', this.file('vrrp.pid')];
    return ['keepalived', '-n', '-l', '-D', '-P', ...files];
  }

  protected pidFiles(): readonly string[] {
    return ['parent.pid', 'vrrp.pid'];
  }
}

export const programs = { ours: OurRouter, theirs: Keepalived } as const;
export type Program = keyof typeof programs;

function deadline(what: string): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not within ${DEADLINE_MS} ms: ${what}`)), DEADLINE_MS).unref();
  });
}

/** A zombie is dead: whoever should reap it may take its time. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
