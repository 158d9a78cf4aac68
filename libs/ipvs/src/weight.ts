import type { CheckerTraits, RealServerTraits } from './settings.ts';

/** The kernel's weights are signed 32-bit numbers. */
const MAX_WEIGHT = 0x7fff_ffff;

/** What checks make of a weight: the configured one, or `replaced`, plus `added`, times `share` (above 0, up to 1). */
export interface WeightEffect {
  readonly replaced: number | null;
  readonly added: number;
  readonly share: number;
}

export const noEffect: WeightEffect = { replaced: null, added: 0, share: 1 };

type WeightSettings = Pick<RealServerTraits, 'weight' | 'configuredWeight' | 'weightIsSet'>;

function isWeightSet({ weight, configuredWeight, weightIsSet }: WeightSettings): boolean {
  return weightIsSet ?? weight !== configuredWeight;
}

/** By its operator, who waits for the connections that it has. */
export function isDrained(settings: WeightSettings): boolean {
  return settings.weight === 0 && isWeightSet(settings);
}

/** Whether a checker says more of a server than whether it is up. */
export function makesWeights({ schedule, dynamic = false, weight = 0 }: CheckerTraits): boolean {
  return dynamic || weight !== 0 || (schedule.latency ?? null) !== null;
}

/**
 * The weight of a server that is up and takes part. An operator's weight wins over one that a script gives, and a drain
 * over everything.
 */
export function weightOf(server: { readonly settings: WeightSettings; readonly effect: WeightEffect }): number {
  const { weight } = server.settings;
  const { replaced, added, share } = server.effect;
  if (isDrained(server.settings)) return 0;
  const base = isWeightSet(server.settings) ? weight : (replaced ?? weight);
  const whole = Math.min(MAX_WEIGHT, Math.max(0, base + added));
  return whole === 0 ? 0 : Math.max(1, Math.round(whole * share));
}
