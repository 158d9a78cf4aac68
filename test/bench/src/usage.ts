import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** Memory of a process in MB (10^6 bytes): resident, resident with shared pages divided among their users, its own alone. */
export interface Memory {
  readonly rss: number;
  readonly pss: number;
  readonly private: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string) => {
    const [, kilobytes] = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text) ?? [];
    if (kilobytes === undefined) throw new Error(`no ${name} in /proc/${pid}/smaps_rollup`);
    return (Number(kilobytes) * 1_024) / 1e6;
  };
  return { rss: field('Rss'), pss: field('Pss'), private: field('Private_Clean') + field('Private_Dirty') };
}

export function sum(memories: readonly Memory[]): Memory {
  return memories.reduce(
    (total, { rss, pss, private: own }) => ({
      rss: total.rss + rss,
      pss: total.pss + pss,
      private: total.private + own,
    }),
    { rss: 0, pss: 0, private: 0 },
  );
}

/** Seconds of processor time of all threads of a process. */
export function processorSeconds(pid: number): number {
  let total = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const [, milliseconds] =
      /^se\.sum_exec_runtime\s*:\s*([\d.]+)$/m.exec(readFileSync(`/proc/${pid}/task/${task}/sched`, 'utf8')) ?? [];
    if (milliseconds === undefined) throw new Error('this kernel does not tell the run time of threads (SCHED_DEBUG)');
    total += Number(milliseconds) / 1_000;
  }
  return total;
}

/** How many other processes run the same program file as one does: they take a share of its PSS. */
export function othersWithProgramOf(pid: number, apart: readonly number[]): number {
  const program = readlinkSync(`/proc/${pid}/exe`);
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name) || apart.includes(Number(name))) return false;
    try {
      return readlinkSync(`/proc/${name}/exe`) === program;
    } catch {
      // It has ended, or is a thread of the kernel.
      return false;
    }
  }).length;
}
