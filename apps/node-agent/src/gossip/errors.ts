export type GossipErrorCode = 'address-in-use' | 'address-unusable' | 'bad-keyring' | 'bad-settings' | 'bad-identity';

/** Why gossip could not start, or a change of it was refused; the message says what to do. */
export class GossipError extends Error {
  override readonly name = 'GossipError';
  readonly code: GossipErrorCode;

  constructor(code: GossipErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** The text of anything thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
