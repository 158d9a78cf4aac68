import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '../../..');

export const ADDRESS_TABLE = '1.3.6.1.4.1.9586.100.5.2.6';
/** Columns that an address has here, with keepalived and with us. */
export const COLUMNS = 8;

/** A namespace with Debian's snmpd, and whatever is asked in it. */
export class SnmpBenchStand {
  readonly #directory = mkdtempSync(join(tmpdir(), 'kf-bench-snmp-'));
  readonly #namespace = `kf-bench-snmp-${process.pid}`;
  readonly #children: ChildProcess[] = [];
  readonly master = join(this.#directory, 'master');

  constructor() {
    execFileSync('ip', ['netns', 'add', this.#namespace]);
    this.#ip('link', 'set', 'lo', 'up');
    this.#ip('link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'far0');
    for (const one of ['lan0', 'far0']) this.#ip('link', 'set', one, 'up');
    this.#ip('address', 'add', '198.51.100.1/24', 'dev', 'lan0');
    mkdirSync(join(this.#directory, 'run'));
  }

  async close(): Promise<void> {
    for (const child of this.#children) await stop(child);
    execFileSync('ip', ['netns', 'del', this.#namespace]);
    rmSync(this.#directory, { recursive: true });
  }

  file(name: string, text: string): string {
    const path = join(this.#directory, name);
    writeFileSync(path, text);
    return path;
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  async snmpd(): Promise<ChildProcess> {
    const conf = this.file(
      'snmpd.conf',
      `rocommunity public\nmaster agentx\nagentXSocket unix:${this.master}\nagentXTimeout 60\n`,
    );
    const script = `mount --bind ${this.#directory}/run /run && exec snmpd -f -LE 0 -C -c ${conf} -I -smux udp:127.0.0.1:161`;
    const child = this.start('sh', ['-c', script]);
    await this.until('snmpd answers', () => this.walk('161', '1.3.6.1.2.1.1.3', 'snmpwalk', [], 1).lines > 0);
    return child;
  }

  start(program: string, words: readonly string[], stdio: 'ignore' | 'pipe' = 'ignore'): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.#namespace, program, ...words], {
      stdio: [stdio, stdio, process.env['KF_BENCH_LOG'] === undefined ? 'ignore' : 'inherit'],
      env: { ...process.env, MIBS: '', SNMP_PERSISTENT_DIR: join(this.#directory, 'persistent') },
    });
    this.#children.push(child);
    return child;
  }

  async stop(child: ChildProcess): Promise<void> {
    this.#children.splice(this.#children.indexOf(child), 1);
    await stop(child);
  }

  node(file: string, words: readonly string[]): ChildProcess {
    return this.start(process.execPath, [join(ROOT, file), ...words], 'pipe');
  }

  walk(port: string, from: string, tool = 'snmpbulkwalk', options: readonly string[] = [], timeout = 60) {
    const command = `${tool} -v2c -c public -t ${timeout} -r 0 -Oqn ${options.join(' ')} 127.0.0.1:${port} ${from} | grep -vc ' No '`;
    const began = performance.now();
    const out = execFileSync('ip', ['netns', 'exec', this.#namespace, 'sh', '-c', `${command} || true`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, MIBS: '', SNMP_PERSISTENT_DIR: join(this.#directory, 'persistent') },
    });
    return { lines: Number(out), seconds: (performance.now() - began) / 1_000 };
  }

  /** Walks while this process goes on, for a getter beside. */
  async walkBeside(port: string, from: string, times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      const words = ['-v2c', '-c', 'public', '-t', '60', '-r', '0', '-Oqn', '-Cr50', `127.0.0.1:${port}`, from];
      const child = this.start('snmpbulkwalk', words);
      await once(child, 'exit');
      await this.stop(child);
    }
  }

  /** Asks for one variable all the time; the answer, when it is stopped, are the times that it took in ms. */
  getter(port: string): { stop(): Promise<number[]> } {
    const child = this.node('test/bench/src/snmp-getter-main.ts', [port, `${ADDRESS_TABLE}.1.3.1.1`]);
    const lines = child.stdout === null ? undefined : createInterface({ input: child.stdout });
    return {
      stop: async () => {
        if (lines === undefined) return [];
        const line = once(lines, 'line');
        child.stdin?.end();
        const [text] = (await line) as [string];
        await this.stop(child);
        return JSON.parse(text) as number[];
      },
    };
  }

  async until(what: string, test: () => boolean, deadlineMs = 240_000): Promise<void> {
    const end = performance.now() + deadlineMs;
    while (!test()) {
      if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
      await pause(200);
    }
  }

  #ip(...words: string[]): void {
    execFileSync('ip', ['-n', this.#namespace, ...words]);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
