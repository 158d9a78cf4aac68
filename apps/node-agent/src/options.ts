import type { Log } from './log.ts';

/** May be missing: an agent without a fleet needs none. A file that was asked for must be there. */
export const DEFAULT_AGENT_CONFIG = '/etc/keepfleet/agent.yaml';

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
