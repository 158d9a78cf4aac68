import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { CAPABILITIES, type Capability, LinuxError } from '../errors.ts';
import { addressOf, attempt, checked, int32, pinned } from '../libc.ts';

/** Which of `wanted` this process does not have, for a clear message before the first system call fails. */
export function missingCapabilities(wanted: readonly Capability[]): Capability[] {
  const status = readFileSync('/proc/self/status', 'latin1');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return wanted.filter((name) => ((effective >> BigInt(CAPABILITIES[name])) & 1n) === 0n);
}

const SCHED_RR = 2;
const SCHED_RESET_ON_FORK = 0x40000000;
const RLIMIT_RTTIME = 15;

/**
 * Runs the calling thread ahead of every ordinary one (SCHED_RR, 1 to 99). Children start ordinary. `limitMicros` is how
 * long it may run without a pause before the kernel ends the process (RLIMIT_RTTIME); default none.
 */
export function runRealTime(priority: number, limitMicros?: number): void {
  if (limitMicros !== undefined) {
    const limits = pinned(16);
    const view = new DataView(limits.buffer);
    view.setBigUint64(0, BigInt(limitMicros), true);
    view.setBigUint64(8, BigInt(limitMicros), true);
    checked(attempt('setrlimit', RLIMIT_RTTIME, limits), 'setrlimit RLIMIT_RTTIME', { needs: 'CAP_SYS_NICE' });
  }
  checked(attempt('sched_setscheduler', 0, SCHED_RR | SCHED_RESET_ON_FORK, int32(priority)), 'sched_setscheduler', {
    detail: `SCHED_RR priority ${priority}`,
    needs: 'CAP_SYS_NICE',
  });
}

/**
 * Takes all threads of a process that was started in real time so many priorities further, up to the highest, and gives the new
 * one; 0 of an ordinary process, which stays so. All of them, since V8 waits for its own. Children start with it, too.
 */
export function raiseRealTime(steps: number): number {
  const started = Number(statOf(RT_PRIORITY));
  if (started === 0) return 0;
  const [policy, priority] = [Number(statOf(POLICY)), Math.min(started + steps, HIGHEST_PRIORITY)];
  for (const thread of readdirSync('/proc/self/task')) {
    const result = attempt('sched_setscheduler', Number(thread), policy, int32(priority));
    // A thread that ended meanwhile.
    if (result === -constants.errno.ESRCH) continue;
    checked(result, 'sched_setscheduler', { detail: `real-time priority ${priority}`, needs: 'CAP_SYS_NICE' });
  }
  return priority;
}

const HIGHEST_PRIORITY = 99;

/** System call numbers of sched_setaffinity(), by which one thread after the other is moved. */
const SYS_SCHED_SETAFFINITY: Readonly<Partial<Record<string, number>>> = { x64: 203, arm64: 122, riscv64: 122 };

/** Runs all threads of the process on these CPUs only. Threads that are made later follow the one that makes them. */
export function runOnCpus(cpus: readonly number[]): void {
  const number = SYS_SCHED_SETAFFINITY[process.arch];
  if (number === undefined)
    throw new LinuxError({ call: 'sched_setaffinity', errno: constants.errno.ENOSYS, detail: process.arch });
  const mask = pinned(8 * (Math.floor(Math.max(0, ...cpus) / 64) + 1));
  for (const cpu of cpus) mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  for (const thread of readdirSync('/proc/self/task')) {
    const result = attempt('syscall', number, Number(thread), mask.length, addressOf(mask));
    // A thread that ended meanwhile.
    if (result === -constants.errno.ESRCH) continue;
    checked(result, 'sched_setaffinity', { detail: `CPU ${cpus.join(', ')}`, needs: 'CAP_SYS_NICE' });
  }
}

/** System call numbers of sched_setattr(), which the C libraries do not wrap. */
const SYS_SCHED_SETATTR: Readonly<Partial<Record<string, number>>> = { x64: 314, arm64: 274, riscv64: 274 };
const SCHED_FLAG_RESET_ON_FORK = 1;

/**
 * How long the calling thread asks to run at a time (Linux 6.12; earlier kernels ignore it). A short slice gives it no
 * larger share of a processor, but an earlier one: whoever sleeps most of the time and works for a moment then is not made
 * to wait until the slice of another ends. Needs no privilege. Children have the kernel's default. A process that was
 * started with another policy than the usual one (CPUSchedulingPolicy=, chrt) keeps it.
 */
export function setTimeSlice(nanoseconds: number): void {
  // Whoever started it in real time has it ahead of all slices, and setting one would take that away.
  if (Number(statOf(POLICY)) !== SCHED_OTHER) return;
  const number = SYS_SCHED_SETATTR[process.arch];
  if (number === undefined)
    throw new LinuxError({ call: 'sched_setattr', errno: constants.errno.ENOSYS, detail: process.arch });
  //  struct sched_attr: size, policy (32 each), flags (64), nice, priority (32 each), runtime, deadline, period (64 each)
  const attributes = pinned(48);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, attributes.length, true);
  view.setBigUint64(8, BigInt(SCHED_FLAG_RESET_ON_FORK), true);
  view.setInt32(16, getPriority(), true);
  view.setBigUint64(24, BigInt(nanoseconds), true);
  checked(attempt('syscall', number, 0, addressOf(attributes), 0), 'sched_setattr');
}

/**
 * The nice value of the process. Where Linux schedules each session by itself (autogroup), one without a session of its own
 * would have it only among the processes of that; a session leader has the whole session get it.
 */
export function setNice(value: number): void {
  setPriority(value);
  if (Number(statOf(SESSION)) !== process.pid || !existsSync(AUTOGROUP)) return;
  writeFileSync(AUTOGROUP, String(value));
}

const AUTOGROUP = '/proc/self/autogroup';

/** Fields of /proc/PID/stat as proc(5) numbers them. */
const SESSION = 6;
const RT_PRIORITY = 40;
const POLICY = 41;
const SCHED_OTHER = 0;

/** One field of this process behind its name, in which anything may be. */
function statOf(field: number): string | undefined {
  const text = readFileSync('/proc/self/stat', 'latin1');
  return text.slice(text.lastIndexOf(') ') + 2).split(' ')[field - 3];
}

const MLOCK_ONFAULT = 1;
/** System call numbers of mlock2(), which musl does not wrap. */
const SYS_MLOCK2: Readonly<Partial<Record<string, number>>> = { x64: 325, arm64: 284, riscv64: 284 };

/**
 * Keeps the program's code in memory once it is there, so that memory pressure cannot make a due packet wait for a disk.
 * Only mappings of files: the rest goes to swap space alone (MemorySwapMax=0 in the service unit), and V8 aborts when it
 * cannot give pages of a locked heap back, which rules out mlockall().
 */
export function lockProgramMemory(): void {
  const number = SYS_MLOCK2[process.arch];
  if (number === undefined)
    throw new LinuxError({ call: 'mlock2', errno: constants.errno.ENOSYS, detail: process.arch });
  for (const line of readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    // start-end, permissions, offset, device, inode (0 for anonymous memory), path
    const [, start, end, inode] = /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ (\d+)/.exec(line) ?? [];
    if (start === undefined || end === undefined || inode === '0') continue;
    const from = BigInt(`0x${start}`);
    const length = BigInt(`0x${end}`) - from;
    checked(attempt('syscall', number, from, length, MLOCK_ONFAULT), 'mlock2', { needs: 'CAP_IPC_LOCK' });
  }
}

const PR_SET_NAME = 15;
const PR_SET_TIMERSLACK = 29;

/** The name that `ps` and `top` show, cut at 15 bytes. */
export function nameProcess(name: string): void {
  const text = pinned(16);
  text.set(new TextEncoder().encode(name).subarray(0, 15));
  checked(attempt('prctl', PR_SET_NAME, addressOf(text), 0, 0, 0), 'prctl PR_SET_NAME');
}

/** How much later than asked the kernel may wake this thread, to save power. Linux default 50,000 ns. */
export function setTimerSlack(nanoseconds: number): void {
  checked(attempt('prctl', PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0), 'prctl PR_SET_TIMERSLACK');
}
