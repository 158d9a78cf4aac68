/**
 * Why a request is not carried out, as a kind that both APIs translate:
 * - invalid: the request makes no sense as written
 * - not-found: names something that does not exist
 * - budget: would leave a router or a service without anybody; `force` is possible
 * - unavailable: what it is about cannot be reached at the moment; `force` is possible
 * - conflict: something under way, or already ended, stands against it
 * - key-reused: the idempotency key was used for another request
 * - changed: If-Match names another revision
 */
export type RefusalKind = 'invalid' | 'not-found' | 'budget' | 'unavailable' | 'conflict' | 'key-reused' | 'changed';

export interface Refusal {
  readonly kind: RefusalKind;
  /** For people: what is wrong and what to do. */
  readonly message: string;
}

/** Carries a refusal out of a service to the API that asked. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}
