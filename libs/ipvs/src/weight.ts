import type { RealServerTraits } from './settings.ts';

/** The kernel's weights are signed 32-bit numbers. */
const MAX_WEIGHT = 0x7fff_ffff;

/** What checks make of a weight: the configured one, or `replaced`, plus `added`, times `share` (above 0, up to 1). */
export interface WeightEffect {
  readonly replaced: number | null;
  readonly added: number;
  readonly share: number;
}

export const noEffect: WeightEffect = { replaced: null, added: 0, share: 1 };

/**
 * The weight of a server that is up and takes part. An operator's weight wins over one that a script gives, and a drain
 * over everything.
 */
export function weightOf(server: {
  readonly settings: Pick<RealServerTraits, 'weight' | 'weightIsSet'>;
  readonly effect: WeightEffect;
}): number {
  const { weight, weightIsSet } = server.settings;
  const { replaced, added, share } = server.effect;
  if (weightIsSet && weight === 0) return 0;
  const base = weightIsSet ? weight : (replaced ?? weight);
  const whole = Math.min(MAX_WEIGHT, Math.max(0, base + added));
  return whole === 0 ? 0 : Math.max(1, Math.round(whole * share));
}
