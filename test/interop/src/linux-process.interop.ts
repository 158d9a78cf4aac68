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
