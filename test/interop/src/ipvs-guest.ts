import { adoptionSteps } from './ipvs-adoption.ts';
import { faultSteps, killSteps, syncSteps } from './ipvs-death.ts';
import { changeSteps } from './ipvs-changes.ts';
import { drainSteps } from './ipvs-drain.ts';
import { policySteps } from './ipvs-policy.ts';
import { refusalSteps } from './ipvs-refusals.ts';
import { tableSteps } from './ipvs-tables.ts';
import { trafficSteps } from './ipvs-traffic.ts';

/** Something to see in a guest whose kernel has IPVS. Each step makes its own namespaces and removes them. */
export interface GuestStep {
  readonly name: string;
  run(): Promise<void>;
}

/** In two guests that take about as long as each other, for the two CPUs of a small machine. */
export const ipvsGuests: readonly (readonly GuestStep[])[] = [
  [...tableSteps, ...changeSteps, ...refusalSteps, ...syncSteps],
  [...trafficSteps, ...policySteps, ...killSteps, ...adoptionSteps],
];

/** Longer than every check can wait. */
export const ipvsFaults: readonly GuestStep[] = [...faultSteps, ...drainSteps];
