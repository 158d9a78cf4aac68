import { type Result, err } from '@keepfleet/wire';

/**
 * Why input was dropped.
 * - `truncated`, `trailing`: fewer or more bytes than the message says; `malformed`: bytes that are no msgpack of the expected shape
 * - `unknown-type`: a message number that memberlist or serf does not have, or not in this place
 * - `checksum`, `compression`, `encryption`, `label`: the layer of that name did not open
 * - `too-large`: a length above our cap; `bad-name`, `bad-address`, `bad-version`: a member nobody could use
 * - `implausible`: an incarnation or clock far ahead of anything seen, which would lock the true owner out
 */
export type SwimErrorKind =
  | 'truncated'
  | 'trailing'
  | 'malformed'
  | 'unknown-type'
  | 'checksum'
  | 'compression'
  | 'encryption'
  | 'label'
  | 'too-large'
  | 'bad-name'
  | 'bad-address'
  | 'bad-version'
  | 'implausible';

export interface SwimError {
  readonly kind: SwimErrorKind;
  readonly detail: string;
}

export type SwimResult<T> = Result<T, SwimError>;

export function failure(kind: SwimErrorKind, detail: string): Result<never, SwimError> {
  return err({ kind, detail });
}
