import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { waitFor } from '@keepfleet/testkit';
import { describe, expect, it } from 'vitest';
import { PipeReader } from './checks-pipe.ts';
import type { ReceivedMail } from './mail-receiver.ts';
import { sh } from './vrrp-stand.ts';

// The same keepalived.conf given to Debian's keepalived and to our agent, each in a namespace of its own with a mail server,
// and the same things done to both: the mails about instances and sync groups have to be the same.

const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
const RECEIVER = join(import.meta.dirname, 'mail-receiver-main.ts');
const DEADLINE = 120_000;
const PORT = 2525;

const instance = (name: string, number: number, interfaceName: string, lines = '') =>
  `vrrp_instance ${name} {\n interface ${interfaceName}\n virtual_router_id ${number}\n priority 100\n ${lines}\n virtual_ipaddress {\n 198.51.100.${number}\n }\n}`;
const group = (name: string, members: string, lines = '') =>
  `vrrp_sync_group ${name} {\n group {\n ${members.replaceAll(' ', '\n ')}\n }\n ${lines}\n}`;

interface Case {
  readonly name: string;
  readonly globals: string;
  readonly rest: readonly string[];
  /** As the pipe names them. */
  readonly mailed: readonly string[];
  readonly withoutFaults?: true;
}

/** All of eth1, and their groups, go through a fault. */
const cases: readonly Case[] = [
  {
    name: 'smtp_alert for all, and off where an instance or a group says so',
    globals: 'smtp_alert',
    rest: [
      group('G1', 'VI_1 VI_2'),
      group('G2', 'VI_5 VI_6', 'smtp_alert off'),
      instance('VI_1', 1, 'eth0'),
      instance('VI_2', 2, 'eth1'),
      instance('VI_3', 3, 'eth1'),
      instance('VI_4', 4, 'eth1', 'smtp_alert off'),
      instance('VI_5', 5, 'eth1'),
      instance('VI_6', 6, 'eth0', 'smtp_alert off'),
    ],
    mailed: ['GROUP "G1"', ...['VI_1', 'VI_2', 'VI_3', 'VI_5'].map((name) => `INSTANCE "${name}"`)],
  },
  {
    name: 'smtp_alert_vrrp before smtp_alert, and none about faults with no_email_faults',
    globals: 'smtp_alert off\n smtp_alert_vrrp\n no_email_faults',
    rest: [
      group('G1', 'VI_1 VI_2'),
      instance('VI_1', 1, 'eth0'),
      instance('VI_2', 2, 'eth1'),
      instance('VI_3', 3, 'eth1'),
    ],
    mailed: ['GROUP "G1"', ...['VI_1', 'VI_2', 'VI_3'].map((name) => `INSTANCE "${name}"`)],
    withoutFaults: true,
  },
  {
    name: 'smtp_alert of one instance and of one group',
    globals: '',
    rest: [
      group('G1', 'VI_1 VI_2', 'smtp_alert'),
      instance('VI_1', 1, 'eth0'),
      instance('VI_2', 2, 'eth1'),
      instance('VI_3', 3, 'eth1', 'smtp_alert'),
      instance('VI_4', 4, 'eth1'),
    ],
    mailed: ['GROUP "G1"', 'INSTANCE "VI_3"'],
  },
];

let stands = 0;

class Stand {
  readonly #case: Case;
  readonly #directory = mkdtempSync(join(tmpdir(), 'kf-vrrp-mails-'));
  readonly #namespace = `kf-mails-${process.pid}-${++stands}`;
  readonly #children: ChildProcess[] = [];
  readonly #mails: ReceivedMail[] = [];
  readonly #pipe: PipeReader;

  constructor(one: Case) {
    this.#case = one;
    // keepalived looks whether others may write to it.
    chmodSync(this.#directory, 0o755);
    this.#pipe = new PipeReader(this.#path('fifo'));
    sh('ip', 'netns', 'add', this.#namespace);
    this.#ip('link', 'set', 'lo', 'up');
    for (const number of [0, 1]) {
      const [name, far] = [`eth${number}`, `far${number}`];
      this.#ip('link', 'add', name, 'type', 'veth', 'peer', 'name', far);
      for (const end of [name, far]) this.#ip('link', 'set', end, 'up');
      this.#ip('addr', 'add', `192.0.${number + 2}.1/24`, 'dev', name);
    }
    const mail = `notification_email {\n a@example.org\n }\n notification_email_from l1@example.org\n smtp_server 127.0.0.1 ${PORT}\n smtp_helo_name l1`;
    const pipe = `notify_fifo ${this.#path('fifo')}`;
    writeFileSync(
      this.#path('conf'),
      `global_defs {\n router_id L1\n ${pipe}\n ${mail}\n ${one.globals}\n}\n${one.rest.join('\n')}\n`,
    );
  }

  /** Up, through a fault, up again, and stopped: the mails, in the order of their words, since each goes its own way. */
  async run(command: (path: (name: string) => string) => readonly string[]): Promise<readonly string[]> {
    const receiver = this.#spawn([process.execPath, RECEIVER, String(PORT)]);
    let ready = false;
    createInterface(receiver.stdout).on('line', (line) => {
      const mail = JSON.parse(line) as ReceivedMail | 'ready';
      if (mail === 'ready') ready = true;
      else this.#mails.push(mail);
    });
    await this.#until(() => ready, 'the mail server');
    const daemon = this.#spawn(command((name) => this.#path(name)));
    daemon.stdout.pipe(createWriteStream(this.#path('log'), { flags: 'a' }));
    const all = this.#case.rest.map((block) => /^vrrp_(sync_group|instance) (\S+)/.exec(block)?.[2] ?? '');
    const told = async (state: string, times: number) => {
      const lines = (name: string) => this.#pipe.lines().filter((line) => line.includes(`"${name}" ${state} `)).length;
      await this.#until(() => all.every((name) => lines(name) >= times), `${times} times ${state}`);
      // Before the next thing happens: keepalived gives up the mails that it has not handed over in time.
      await this.#until(() => this.#mails.length >= this.#expected(), 'the mails about it');
    };
    await told('MASTER', 1);
    this.#ip('link', 'set', 'eth1', 'down');
    await told('FAULT', 1);
    this.#ip('link', 'set', 'eth1', 'up');
    await told('MASTER', 2);
    const exit = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await exit;
    // With the reasons, which keepalived does not give.
    return this.#mails.map(({ subject, body }) => `${subject}: ${body.split('\n')[0] ?? ''}`).sort();
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    this.#pipe.close();
    sh('ip', 'netns', 'del', this.#namespace);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Mails about what the pipe has told so far. */
  #expected(): number {
    const { mailed, withoutFaults } = this.#case;
    return this.#pipe
      .lines()
      .filter((line) => mailed.some((subject) => line.startsWith(`${subject} `)))
      .filter((line) => !(withoutFaults === true && line.includes(' FAULT '))).length;
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    await waitFor(holds, { deadline: DEADLINE, what }).catch((cause: unknown) => {
      const [lines, mails] = [this.#pipe.lines().join(''), this.#mails.map(({ subject }) => subject).join('\n')];
      const log = readFileSync(this.#path('log'), 'utf8').slice(-2_000);
      throw new Error(`no ${what}; the pipe has told:\n${lines}mails:\n${mails}\nthe log ends in ${log}`, { cause });
    });
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  #ip(...command: string[]): void {
    sh('ip', '-n', this.#namespace, ...command);
  }

  #spawn(command: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
    const child = spawn('ip', ['netns', 'exec', this.#namespace, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr.pipe(createWriteStream(this.#path('log'), { flags: 'a' }));
    this.#children.push(child);
    return child;
  }
}

const commands = {
  keepalived: (path: (name: string) => string) => {
    const pids = ['-p', path('parent.pid'), '-r', path('vrrp.pid')];
    return ['keepalived', '-n', '-l', '-D', '-P', '-f', path('conf'), ...pids];
  },
  keepfleet: (path: (name: string) => string) => {
    mkdirSync(path('run'));
    writeFileSync(path('yaml'), 'node: L1\nsnmp:\n  enabled: false\n');
    const files = ['--config', path('conf'), '--agent-config', path('yaml')];
    return [process.execPath, AGENT, ...files, '--run-dir', path('run'), '--state-dir', path('state')];
  },
};

describe('mails about instances and sync groups, beside keepalived', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const stands = { keepalived: new Stand(one), keepfleet: new Stand(one) };
    try {
      const [theirs, ours] = await Promise.all([
        stands.keepalived.run(commands.keepalived),
        stands.keepfleet.run(commands.keepfleet),
      ]);
      const atEnd = (mail: string) => mail.includes(' - Stopping: ');
      expect(theirs.length).toBeGreaterThan(0);
      expect(ours.filter((mail) => !atEnd(mail))).toEqual(theirs);
      // keepalived makes them, too, and ends before they are sent.
      expect(ours.filter(atEnd)).toHaveLength(one.mailed.length);
    } finally {
      await stands.keepalived.close();
      await stands.keepfleet.close();
    }
  });
});
