import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '@keepfleet/testkit';
import { Stand } from './stand.ts';

const ROOT = join(import.meta.dirname, '../../..');

export const ADDRESS_TABLE = '1.3.6.1.4.1.9586.100.5.2.6';
const SYS_UP_TIME = '1.3.6.1.2.1.1.3';
/** Of snmpd. */
export const MASTER_PORT = '161';
/** Columns that an address has here, with keepalived and with us. */
export const COLUMNS = 8;
const DEADLINE_MS = 240_000;

/** Host a of a stand with Debian's snmpd, and whatever is asked there. */
export class SnmpBenchStand {
  readonly #stand: Stand;
  readonly #environment: NodeJS.ProcessEnv;
  /** Where snmpd listens for sub-agents. */
  readonly master: string;

  constructor(stand = new Stand()) {
    this.#stand = stand;
    this.#environment = { ...process.env, MIBS: '', SNMP_PERSISTENT_DIR: this.path('persistent') };
    this.master = this.path('master');
  }

  close(): void {
    this.#stand.close();
  }

  file(name: string, text: string): string {
    const path = this.path(name);
    writeFileSync(path, text);
    return path;
  }

  path(name: string): string {
    return join(this.#stand.directory, name);
  }

  async snmpd(): Promise<ChildProcess> {
    const lines = ['rocommunity public', 'master agentx', `agentXSocket unix:${this.master}`, 'agentXTimeout 60'];
    const conf = this.file('snmpd.conf', `${lines.join('\n')}\n`);
    mkdirSync(this.path('run'));
    const script = `mount --bind ${this.path('run')} /run && exec snmpd -f -LE 0 -C -c ${conf} -I -smux udp:127.0.0.1:${MASTER_PORT}`;
    const child = this.start('sh', ['-c', script]);
    await this.walkedUntil('snmpd answers', MASTER_PORT, (variables) => variables > 0, SYS_UP_TIME);
    return child;
  }

  start(program: string, words: readonly string[], stdio: 'ignore' | 'pipe' = 'ignore'): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.#stand.namespace('a'), program, ...words], {
      stdio: [stdio, stdio, process.env['KF_BENCH_LOG'] === undefined ? 'ignore' : 'inherit'],
      env: this.#environment,
    });
  }

  node(file: string, words: readonly string[]): ChildProcess {
    return this.start(process.execPath, [join(ROOT, file), ...words], 'pipe');
  }

  /** Walks the table so many times, by GetBulk of 50 variables or by GetNext; this process goes on meanwhile. */
  async walk(port: string, bulk: boolean, { from = ADDRESS_TABLE, timeout = 60, times = 1 } = {}) {
    const tool = bulk ? 'snmpbulkwalk -Cr50' : 'snmpwalk';
    const walk = `${tool} -v2c -c public -t ${timeout} -r 0 -Oqn 127.0.0.1:${port} ${from}`;
    const command = `for i in $(seq ${times}); do ${walk}; done | grep -vc ' No '`;
    const began = performance.now();
    const child = this.start('sh', ['-c', command], 'pipe');
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await once(child, 'close');
    return { lines: Number(text), seconds: (performance.now() - began) / 1_000 };
  }

  /** Until a walk has so many variables that this holds; one that is not there yet costs two seconds. */
  async walkedUntil(what: string, port: string, holds: (variables: number) => boolean, from?: string): Promise<void> {
    const walk = async () => holds((await this.walk(port, true, { from, timeout: 2 })).lines);
    await waitFor(walk, { deadline: DEADLINE_MS, what, every: 200 });
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
        return JSON.parse(text) as number[];
      },
    };
  }
}
