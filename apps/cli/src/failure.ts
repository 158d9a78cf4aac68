/** Exit codes of `keepfleet`, for scripts. */
export const exitCodes = {
  ok: 0,
  /** The operation failed, was refused or cancelled, or the fleet is not well (`status --check`). */
  failed: 1,
  usage: 2,
  unreachable: 3,
  /** Ctrl-C left a running operation running. */
  detached: 130,
} as const;

/** Ends the command with one line for people and an exit code for scripts. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: number;

  constructor(message: string, exitCode: number, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}
