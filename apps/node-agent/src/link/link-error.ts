/** Why a link could not do what was asked of it. */
export type LinkErrorCode =
  /** Another live process of this role has the run directory. */
  | 'in-use'
  /** There is no process at the other end now. */
  | 'not-connected'
  /** The process took longer to answer than it was given. */
  | 'timeout'
  /** The connection ended before the answer came: it may have been carried out or not. */
  | 'lost'
  /** The link was closed here. */
  | 'closed';

export class LinkError extends Error {
  override readonly name = 'LinkError';
  readonly code: LinkErrorCode;

  constructor(code: LinkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
