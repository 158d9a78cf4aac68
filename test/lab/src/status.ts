import type { HostState } from './lab-host.ts';
import type { Kernel } from './kernel.ts';
import type { ServiceRow } from './ipvs-table.ts';

export interface HostStatus {
  name: string;
  role: string;
  state: HostState;
  /** Directors only: which processes of the agent are alive. */
  processes: { name: string; pid: number | undefined; alive: boolean }[];
  services: { name: string; pid: number | undefined; wanted: boolean; starts: number }[];
  /** Directors only: IPVS as the kernel has it. */
  ipvs: ServiceRow[];
  /** Set when the host did not tell. */
  unknown?: string;
}

export interface LabStatus {
  state: 'starting' | 'ready' | 'stopping';
  kernel: Kernel;
  why: string;
  /** Whether the directors have IPVS. */
  ipvs: boolean;
  startedAt: string;
  phases: { name: string; milliseconds: number }[];
  /** From `up` to the first answer of a real server through a virtual address. */
  firstAnswerMilliseconds?: number;
  /** Virtual address → directors that have it on an interface that is up. */
  owners: { address: string; owners: string[] }[];
  hosts: HostStatus[];
  faults: string[];
  controller: { rest: string; api: string };
}

export interface LabEvent {
  at: string;
  text: string;
}
