import { deathSteps } from './ipvs-death.ts';
import { tableSteps } from './ipvs-tables.ts';
import { trafficSteps } from './ipvs-traffic.ts';

/** Something to see in a guest whose kernel has IPVS. Each step makes its own namespaces and removes them. */
export interface GuestStep {
  readonly name: string;
  run(): Promise<void>;
}

export const ipvsSteps: readonly GuestStep[] = [...tableSteps, ...trafficSteps, ...deathSteps];
