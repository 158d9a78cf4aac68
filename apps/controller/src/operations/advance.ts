import type { Change } from './change.ts';
import { advanceFleet, planFleet } from './fleet-operations.ts';
import { drainNode, planDrainNode, planUndrainNode, undrainNode } from './node-operations.ts';
import type { Operation, Step } from './operation.ts';
import type { Picture } from './picture.ts';
import { Run, type WantedCommand } from './run.ts';

export interface Advance {
  readonly operation: Operation;
  /** To be on their way; those that are already change nothing. */
  readonly commands: readonly WantedCommand[];
}

/** What an operation will do, as far as it can be known before. */
export function plan(change: Change, picture: Picture, forced: boolean): Step[] {
  switch (change.kind) {
    case 'drain-node':
      return planDrainNode(change, picture);
    case 'undrain-node':
      return planUndrainNode(change);
    default:
      return planFleet(change, picture, forced);
  }
}

/** Looks at the fleet and takes an active operation as far as it goes. Looking twice changes nothing. */
export function advance(operation: Operation, picture: Picture): Advance {
  const run = new Run(operation, picture);
  const { change } = operation;
  switch (change.kind) {
    case 'drain-node':
      drainNode(run, change);
      break;
    case 'undrain-node':
      undrainNode(run, change);
      break;
    default:
      advanceFleet(run, change);
  }
  return { operation: run.finish(), commands: run.commands };
}
