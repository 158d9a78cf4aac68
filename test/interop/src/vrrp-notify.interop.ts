import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { sh } from './vrrp-stand.ts';

// The same keepalived.conf given to Debian's keepalived and to our vrrp process, each in a namespace of its own, and the
// same things done to both: the lines of the FIFO and the calls of the scripts have to be the same.

const STANDALONE = fileURLToPath(new URL('../../../apps/node-agent/src/vrrp/standalone.ts', import.meta.url));
const DEADLINE = 90_000;

/** `@D@` is the daemon's directory. */
const CONFIGURATION = `
global_defs {
  vrrp_notify_fifo @D@/fifo
  script_user root
  vrrp_notify_priority_changes true
}
vrrp_script chk {
  script "/usr/bin/test -e @D@/ok"
  interval 1
  weight -20
}
vrrp_track_file tf {
  file @D@/weight
}
vrrp_sync_group G1 {
  group {
    VI_1
    VI_2
  }
  notify "@D@/log.sh gany"
  notify_master "@D@/log.sh gmaster"
  notify_backup "@D@/log.sh gbackup"
  notify_fault "@D@/log.sh gfault"
  notify_stop "@D@/log.sh gstop"
}
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 1
  priority 100
  virtual_ipaddress { 198.51.100.1 }
  notify "@D@/log.sh any"
  notify_master "@D@/log.sh master 'two words'"
  notify_backup "@D@/log.sh backup"
  notify_fault "@D@/log.sh fault"
  notify_stop "@D@/log.sh stop"
}
vrrp_instance VI_2 {
  interface eth1
  virtual_router_id 2
  priority 110
  virtual_ipaddress { 198.51.100.2 }
  notify "@D@/log.sh any"
}
vrrp_instance VI_3 {
  interface eth0
  virtual_router_id 3
  priority 100
  virtual_ipaddress { 198.51.100.3 }
  track_script { chk }
  track_file { tf weight 1 }
  notify "@D@/log.sh any"
}
`;

const LOG_SCRIPT = `#!/bin/sh
line="$#"
for argument in "$@"; do line="$line|$argument"; done
line="$line|$(id -u)|\${IFS_WAS_SET-}\${LD_PRELOAD-}\${LD_LIBRARY_PATH-}"
echo "$line" >> @D@/calls
`;

let stands = 0;

class Daemon {
  readonly directory = mkdtempSync(join(tmpdir(), 'kf-notify-'));
  readonly #namespace = `kf-notify-${process.pid}-${++stands}`;
  readonly #command: readonly string[];
  #reader: ChildProcess | undefined;
  #daemon: ChildProcess | undefined;

  constructor(command: (directory: string, file: string) => readonly string[]) {
    const { directory } = this;
    // keepalived looks whether others may write to it.
    chmodSync(directory, 0o755);
    const file = join(directory, 'keepalived.conf');
    this.#write('keepalived.conf', CONFIGURATION);
    this.#write('log.sh', LOG_SCRIPT);
    chmodSync(join(directory, 'log.sh'), 0o755);
    this.set('ok', '');
    this.set('weight', '0\n');
    this.#command = command(directory, file);
    sh('ip', 'netns', 'add', this.#namespace);
    for (const number of [0, 1]) {
      const [name, far] = [`eth${number}`, `far${number}`];
      this.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', far);
      for (const end of [name, far]) this.ip('link', 'set', end, 'up');
      this.ip('addr', 'add', `192.0.${number + 2}.1/24`, 'dev', name);
    }
  }

  start(): void {
    const log = join(this.directory, 'log');
    const fifo = join(this.directory, 'fifo');
    sh('mkfifo', fifo);
    // Open for both, so that it never sees the end while the daemon opens it anew.
    this.#reader = spawn('sh', ['-c', `exec cat <>"$0" >"$1"`, fifo, join(this.directory, 'lines')], {
      stdio: 'ignore',
    });
    this.#daemon = spawn(
      'sh',
      ['-c', 'exec ip netns exec "$0" "$@" >>"$LOG" 2>&1', this.#namespace, ...this.#command],
      {
        stdio: 'ignore',
        env: { ...process.env, LOG: log },
      },
    );
  }

  ip(...command: string[]): void {
    sh('ip', '-n', this.#namespace, ...command);
  }

  set(file: string, text: string): void {
    writeFileSync(join(this.directory, file), text);
  }

  unset(file: string): void {
    rmSync(join(this.directory, file));
  }

  /** As they came, the end of each line included; those of the named ones, or of all but VI_3. */
  lines(about: 'VI_3' | 'the group'): string[] {
    const all = this.#read('lines').split(/(?<=\n)/);
    return all.filter((line) => line.includes('"VI_3"') === (about === 'VI_3') && line !== '');
  }

  /** Calls of the scripts without an order, which keepalived does not keep. */
  calls(): string[] {
    return this.#read('calls').split('\n').sort();
  }

  /** The number of times that the line has come. */
  async reached(line: string, times: number): Promise<void> {
    const there = () =>
      this.#read('lines')
        .split('\n')
        .filter((one) => one === line).length >= times;
    await waitFor(there, { deadline: DEADLINE, what: `${times} times ${line}` }).catch((cause: unknown) => {
      const [lines, log] = [this.#read('lines'), this.#read('log').slice(-2_000)];
      throw new Error(`not ${times} times ${line} in ${lines}; the log ends in ${log}`, { cause });
    });
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    assert(daemon !== undefined);
    const exit = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await exit;
  }

  async close(): Promise<void> {
    for (const child of [this.#daemon, this.#reader]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    sh('ip', 'netns', 'del', this.#namespace);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #read(file: string): string {
    const path = join(this.directory, file);
    return existsSync(path) ? readFileSync(path, 'latin1') : '';
  }

  #write(file: string, text: string): void {
    writeFileSync(join(this.directory, file), text.replaceAll('@D@', this.directory));
  }
}

async function story(daemon: Daemon): Promise<void> {
  daemon.start();
  await daemon.reached('GROUP "G1" MASTER 0', 1);
  await daemon.reached('INSTANCE "VI_3" MASTER 100', 1);
  daemon.unset('ok');
  await daemon.reached('INSTANCE "VI_3" MASTER_PRIORITY 80', 1);
  daemon.set('ok', '');
  await daemon.reached('INSTANCE "VI_3" MASTER_PRIORITY 100', 1);
  daemon.set('weight', '12\n');
  await daemon.reached('INSTANCE "VI_3" MASTER_PRIORITY 112', 1);
  daemon.set('weight', '0\n');
  await daemon.reached('INSTANCE "VI_3" MASTER_PRIORITY 100', 2);
  daemon.set('weight', '-300\n');
  await daemon.reached('INSTANCE "VI_3" FAULT 100', 1);
  daemon.set('weight', '0\n');
  await daemon.reached('INSTANCE "VI_3" MASTER 100', 2);
  daemon.ip('link', 'set', 'eth1', 'down');
  await daemon.reached('GROUP "G1" FAULT 0', 1);
  daemon.ip('link', 'set', 'eth1', 'up');
  await daemon.reached('GROUP "G1" MASTER 0', 2);
  await daemon.stop();
  await daemon.reached('GROUP "G1" STOP 0', 1);
}

describe('the same configuration at keepalived and at ours', () => {
  let theirs: Daemon;
  let ours: Daemon;

  beforeAll(async () => {
    theirs = new Daemon((directory, file) => {
      const [parent, child] = [join(directory, 'ka.pid'), join(directory, 'vrrp.pid')];
      return ['keepalived', '-n', '-l', '-D', '-P', '-f', file, '-p', parent, '-r', child];
    });
    ours = new Daemon((directory, file) => {
      const run = join(directory, 'run');
      mkdirSync(run);
      return [process.execPath, STANDALONE, '--run-dir', run, file];
    });
    await Promise.all([story(theirs), story(ours)]);
    // The last scripts and the pipe need a moment after the daemons have ended.
    const all = (daemon: Daemon) => [daemon.calls(), daemon.lines('the group'), daemon.lines('VI_3')];
    await waitFor(() => isDeepStrictEqual(all(ours), all(theirs)), {
      deadline: DEADLINE,
      what: 'the same of both',
    }).catch(() => undefined);
  });

  afterAll(async () => {
    await theirs.close();
    await ours.close();
  });

  it('gives the same lines for a sync group, in the same order', () => {
    assert.deepEqual(ours.lines('the group'), theirs.lines('the group'));
  });

  it('gives the same lines for an instance whose priority and health are tracked', () => {
    assert.deepEqual(ours.lines('VI_3'), theirs.lines('VI_3'));
  });

  it('calls the same scripts with the same arguments as the same user', () => {
    assert.deepEqual(ours.calls(), theirs.calls());
  });
});
