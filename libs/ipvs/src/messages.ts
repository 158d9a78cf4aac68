import type { ConnectionCounts } from './snapshot.ts';

/** Of a service at an event: snapshots come later. A process of before does not tell it. */
interface Counted {
  readonly service: string;
  /** Real servers that are up from now on. */
  readonly realServersUp?: number | undefined;
}

/** What happened in the lvs process, for operators and for notifications. `service` and `server` are keys of the settings. */
export type LvsEvent =
  | (Counted & { readonly kind: 'real-server-up'; readonly server: string; readonly reason: string })
  | (Counted & { readonly kind: 'real-server-down'; readonly server: string; readonly reason: string })
  | (Counted & { readonly kind: 'quorum-gained'; readonly weight: number; readonly quorum: number })
  | (Counted & {
      readonly kind: 'quorum-lost';
      readonly weight: number;
      readonly quorum: number;
      /** The process ends; as the reason of `real-server-down`, too. */
      readonly reason?: 'stopped' | undefined;
    })
  | { readonly kind: 'sorry-server-in'; readonly service: string; readonly server: string }
  | { readonly kind: 'sorry-server-out'; readonly service: string; readonly server: string }
  | {
      readonly kind: 'weight-changed';
      readonly service: string;
      readonly server: string;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: 'drift-repaired'; readonly service: string; readonly what: string }
  /** Another service than ours is in the table, or one of ours is not as configured, and the policy is to leave it. */
  | { readonly kind: 'drift-found'; readonly service: string; readonly what: string }
  | {
      readonly kind: 'operation-refused';
      readonly service: string;
      readonly what: string;
      readonly reason: string;
      /** Line of the configuration that asked for it. */
      readonly place: string | null;
    }
  | {
      readonly kind: 'sync-daemon-started' | 'sync-daemon-stopped';
      readonly state: 'master' | 'backup';
      readonly interface: string;
    }
  | { readonly kind: 'ipvs-available' }
  | { readonly kind: 'ipvs-unavailable'; readonly reason: string };

export type LvsCommand =
  /** How many connections a real server still has, in every service that has it; asked while it drains. */
  | {
      readonly kind: 'connections';
      /** Address of the real server, in any spelling. */
      readonly address: string;
      /** Only the real server on this port. */
      readonly port?: number | undefined;
    }
  /** The VRRP instances of this node that are master now: connection synchronisation may follow one of them. */
  | { readonly kind: 'masters'; readonly instances: readonly string[] }
  /** Sets the counters of one virtual server to 0, or of the whole table. */
  | { readonly kind: 'zero'; readonly service?: string | undefined };

export interface ConnectionsOfService extends ConnectionCounts {
  readonly service: string;
  readonly server: string;
  /** As the kernel has it; null when the server is not in the pool. */
  readonly weight: number | null;
}

export type LvsOutcome =
  | { readonly ok: true; readonly services: readonly ConnectionsOfService[]; readonly total: ConnectionCounts }
  | { readonly ok: false; readonly reason: string };
