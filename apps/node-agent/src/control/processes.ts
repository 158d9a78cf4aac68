import { readFileSync } from 'node:fs';
import { model } from '@keepfleet/rpc';
import type { Role } from '../link/index.ts';
import type { EventText } from './events.ts';
import type { ProcessState } from './supervise.ts';

/** The processes of this node as the fleet sees them, and the events that their comings and goings are. */
export class Processes {
  readonly #startedAt = new Date();
  readonly #restarts: Record<Role, number> = { vrrp: 0, lvs: 0, bfd: 0 };
  readonly #states: Partial<Record<Role, ProcessState>> = {};

  /** Takes a new state of a process; the answer is worth telling. */
  changed(role: Role, state: ProcessState): EventText | undefined {
    const before = this.#states[role];
    this.#states[role] = state;
    if (state.kind === 'down') {
      this.#restarts[role] += 1;
      return text('error', role, `the ${role} process ${state.exit}; it is started again`, { state: 'down' });
    }
    if (state.kind !== 'running' || before?.kind === 'running') return undefined;
    const how = state.adopted ? 'adopted as it runs' : 'started';
    return text('info', role, `the ${role} process is up: ${how}, pid ${state.pid}`, {
      state: 'up',
      adopted: String(state.adopted),
    });
  }

  list(): model.Process[] {
    const own: model.Process = {
      role: 'control',
      pid: process.pid,
      running: true,
      startedAt: this.#startedAt,
      residentBytes: residentBytes(process.pid),
      problems: [],
      restarts: 0,
    };
    // There only with a bfd_instance.
    const bfd = this.#states.bfd;
    const hasBfd = bfd !== undefined && bfd.kind !== 'stopped';
    return [own, this.#process('vrrp'), this.#process('lvs'), ...(hasBfd ? [this.#process('bfd')] : [])];
  }

  #process(role: Role): model.Process {
    const state = this.#states[role];
    const running = state?.kind === 'running' ? state : undefined;
    return {
      role,
      pid: running?.pid ?? 0,
      running: running !== undefined,
      startedAt: running === undefined ? undefined : new Date(running.hello.startedAt),
      residentBytes: running === undefined ? 0n : residentBytes(running.pid),
      problems: running?.hello.problems ?? [],
      restarts: this.#restarts[role],
    };
  }
}

/** VmRSS of /proc; 0 when the process is gone. */
function residentBytes(pid: number): bigint {
  try {
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibibytes === undefined ? 0n : BigInt(kibibytes) * 1024n;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return 0n;
    throw error;
  }
}

function text(
  severity: EventText['severity'],
  role: Role,
  message: string,
  attributes: Record<string, string>,
): EventText {
  return { severity, kind: 'agent.process', subject: role, message, attributes };
}
