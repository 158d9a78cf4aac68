import type { Log } from './log.ts';

/** What the command line says, for every role. */
export interface RoleOptions {
  /** Sockets and pid files of the running processes. */
  readonly runDirectory: string;
  /** What must outlive a restart of the machine: overrides, event spool, identity. */
  readonly stateDirectory: string;
  /** keepalived.conf. */
  readonly config: string;
  /** agent.yaml. */
  readonly agentConfig: string;
  readonly version: string;
  readonly log: Log;
}
