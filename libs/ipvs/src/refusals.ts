import { placeText } from './balancer-events.ts';
import { type Operation, describeOperation, serviceOf } from './plan.ts';

export interface Refusal {
  /** Key of the virtual server. */
  readonly service: string;
  readonly reason: string;
  /** Line of the configuration that the operation stems from. */
  readonly place: string | null;
}

interface Kept extends Refusal {
  /** Only because the service itself was refused. */
  readonly follows: boolean;
  /** The kernel service that could not be created, when that was refused. */
  readonly missing: string | null;
}

/** Operations that the kernel refused and that are still wanted. */
export class Refusals {
  /** By their description. */
  readonly #refused = new Map<string, Kept>();
  /** Kernel services that could not be created. */
  readonly #missing = new Set<string>();

  /** Whether this is news. Without the service its servers cannot be there either; that is none. */
  add(operation: Operation, refusal: Refusal): boolean {
    const what = describeOperation(operation);
    const kernelService = serviceOf(operation);
    const known = this.#refused.get(what);
    const follows = operation.kind !== 'create-service' && this.#missing.has(kernelService);
    const missing = operation.kind === 'create-service' ? kernelService : null;
    if (missing !== null) this.#missing.add(missing);
    this.#refused.set(what, { ...refusal, follows, missing });
    return !follows && known?.reason !== refusal.reason;
  }

  /** By the description of the operation. */
  has(what: string): boolean {
    return this.#refused.has(what);
  }

  /** Whether the kernel refused to create the service. */
  isMissing(kernelService: string): boolean {
    return this.#missing.has(kernelService);
  }

  problemsOf(service: string): string[] {
    return [...this.#refused]
      .filter(([, refusal]) => refusal.service === service && !refusal.follows)
      .map(([what, { reason, place }]) => `the kernel refused to ${what}${placeText(place)}: ${reason}`);
  }

  forgetAllBut(stillWanted: ReadonlySet<string>): void {
    this.#missing.clear();
    for (const [what, { missing }] of this.#refused) {
      if (!stillWanted.has(what)) this.#refused.delete(what);
      else if (missing !== null) this.#missing.add(missing);
    }
  }
}
