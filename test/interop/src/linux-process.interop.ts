import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from './linux-stand.ts';

const script = join(import.meta.dirname, 'linux-privileges.ts');
const report = (...prefix: readonly string[]): unknown => {
  const [program, ...args] = [...prefix, process.execPath, script];
  return JSON.parse(run(program ?? '', ...args));
};

describe('a time slice', () => {
  it('leaves a process in real time that was started so', () => {
    const privileges = fileURLToPath(new URL('../../../libs/linux/src/process/privileges.ts', import.meta.url));
    const script = `import { readFileSync } from 'node:fs';
      const { setTimeSlice } = await import(${JSON.stringify(privileges)});
      setTimeSlice(100_000);
      console.log(readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ')[38]);`;
    const policy = (...prefix: readonly string[]) => {
      const [program = '', ...args] = [...prefix, process.execPath, '--input-type=module', '--eval', script];
      return run(program, ...args).trim();
    };
    expect(policy()).toBe('0');
    expect(policy('chrt', '--rr', '10')).toBe('2');
  });
});

describe('an agent that was started in real time on one CPU', () => {
  const agent = (file: string) => fileURLToPath(new URL(`../../../apps/node-agent/src/${file}`, import.meta.url));
  const script = `import { readFileSync } from 'node:fs';
    const { ProcessScheduling } = await import(${JSON.stringify(agent('scheduling.ts'))});
    const { roleCommand } = await import(${JSON.stringify(agent('control/supervise.ts'))});
    const log = { warn: (_, text) => console.error(text) };
    const priorities = ['beginTimely', 'beginPrompt'].map((begin) => {
      new ProcessScheduling('test', log)[begin]();
      return Number(readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ')[37]);
    });
    const threads = ['lvs', 'vrrp'].flatMap((role) =>
      roleCommand(role, { runDirectory: '', stateDirectory: '' }).filter((word) => word.startsWith('--single-threaded')));
    console.log(JSON.stringify([...priorities, ...threads]));`;
  const outcome = (...prefix: readonly string[]): unknown => {
    const [program = '', ...args] = [...prefix, process.execPath, '--input-type=module', '--eval', script];
    return JSON.parse(run(program, ...args));
  };

  const alone = ['--single-threaded', '--single-threaded-gc'];

  it('has its checks and adverts ahead of its control process, and no threads that they wait for', () => {
    expect(outcome('taskset', '-c', '0', 'chrt', '--rr', '10')).toEqual([11, 13, ...alone]);
    expect(outcome('taskset', '-c', '0', 'chrt', '--rr', '98')).toEqual([99, 99, ...alone]);
    expect(outcome('taskset', '-c', '0')).toEqual([0, 0, ...alone]);
  });

  it.runIf(availableParallelism() > 1)('is as it was started on several', () => {
    expect(outcome('chrt', '--rr', '10')).toEqual([10, 10]);
  });
});

describe('privileges', () => {
  it('of root are enough for everything, and it takes effect', () => {
    const expected = ['raw', 'packet', 'address', 'realTime', 'memory', 'slack', 'name'].map((name) => [name, 'ok']);
    const SCHED_RR = 2;
    const all = report();
    expect(all).toEqual({
      missing: [],
      outcomes: Object.fromEntries(expected) as unknown,
      policy: SCHED_RR,
      name: 'keepfleet-test-'.slice(0, 15),
      lockedKilobytes: expect.any(Number),
    });
    expect(all).not.toMatchObject({ lockedKilobytes: 0 });
  });

  it('that are missing are named in the error and known beforehand', () => {
    const all = '-net_raw,-net_admin,-sys_nice,-ipc_lock';
    // A soft limit of 0 for memory and priorities: else the kernel lets an ordinary process do a little of both.
    const limited = ['prlimit', '--memlock=0', '--rtprio=0', '--nice=0'];
    expect(report(...limited, 'setpriv', `--bounding-set=${all}`, `--inh-caps=${all}`)).toMatchObject({
      missing: ['CAP_NET_RAW', 'CAP_NET_ADMIN', 'CAP_SYS_NICE', 'CAP_IPC_LOCK'],
      outcomes: {
        raw: expect.stringMatching(/^socket SOCK_RAW: EPERM.*CAP_NET_RAW is missing/),
        packet: expect.stringMatching(/CAP_NET_RAW is missing/),
        address: expect.stringMatching(/^netlink: EPERM.*127\.0\.0\.1\/8.*CAP_NET_ADMIN is missing/),
        realTime: expect.stringMatching(/CAP_SYS_NICE is missing/),
        memory: expect.stringMatching(/CAP_IPC_LOCK is missing/),
      },
    });
  });
});
