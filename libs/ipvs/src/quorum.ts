/** The two numbers of a virtual server that its quorum is judged by. */
export interface QuorumSettings {
  readonly quorum: number;
  readonly hysteresis: number;
}

/**
 * Whether the quorum stands after the weights of the live servers came to `weight`. It is gained at quorum + hysteresis
 * and lost below quorum - hysteresis, or with no weight at all; between the two it stays as it was. A new virtual server
 * begins without it, as keepalived's do: it needs the hysteresis too.
 */
export function judgeQuorum(settings: QuorumSettings, weight: number, before: boolean): boolean {
  if (weight === 0 || weight < settings.quorum - settings.hysteresis) return false;
  if (weight >= settings.quorum + settings.hysteresis) return true;
  return before;
}
