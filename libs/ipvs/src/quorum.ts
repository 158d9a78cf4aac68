/** The two numbers of a virtual server that its quorum is judged by. */
export interface QuorumSettings {
  readonly quorum: number;
  readonly hysteresis: number;
}

/**
 * Whether the quorum stands after the weights of the live servers came to `weight`. It is gained at quorum + hysteresis
 * and lost below quorum - hysteresis, or with no weight at all; between the two it stays as it was.
 */
export function judgeQuorum(settings: QuorumSettings, weight: number, before: boolean): boolean {
  if (weight === 0 || weight < settings.quorum - settings.hysteresis) return false;
  if (weight >= settings.quorum + settings.hysteresis) return true;
  return before;
}

/** The first judgement of a virtual server has nothing to stay at, so the hysteresis does not count. */
export function judgeFirstQuorum(settings: QuorumSettings, weight: number): boolean {
  return weight > 0 && weight >= settings.quorum;
}
