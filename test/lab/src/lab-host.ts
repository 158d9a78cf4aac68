import type { Host } from './plan.ts';
import type { ServiceAction, Signal } from './protocol.ts';
import type { Listener, Outcome } from './requests.ts';

export type HostState = 'dead' | 'booting' | 'up' | 'paused';

/** What every host of the lab can, however it is made. Every method rejects in a state where it makes no sense. */
export interface LabHost {
  readonly host: Host;
  readonly state: HostState;
  boot(): Promise<void>;
  /** Takes its power away. */
  kill(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** `timeout` in milliseconds. */
  run(argv: string[], timeout?: number, listener?: Listener): { id: number; outcome: Promise<Outcome> };
  signal(job: number, signal: Signal): Promise<void>;
  service(name: string, action: ServiceAction): Promise<void>;
}
