import { fleet } from '@keepfleet/rpc';

/** "L1", "L1 and L2", "L1, L2 and L3". */
export function list(names: readonly string[]): string {
  if (names.length <= 1) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** "12 s", "3 min", "2 h", "4 d": as exact as somebody at three o'clock needs. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export const freshnessWord = {
  [fleet.Freshness.UNRECOGNIZED]: 'unknown',
  [fleet.Freshness.UNSPECIFIED]: 'unknown',
  [fleet.Freshness.UNKNOWN]: 'unknown',
  [fleet.Freshness.STALE]: 'stale',
  [fleet.Freshness.CURRENT]: 'current',
} as const;

export const healthWord = {
  [fleet.Health.UNRECOGNIZED]: 'unknown',
  [fleet.Health.UNSPECIFIED]: 'unknown',
  [fleet.Health.UNKNOWN]: 'unknown',
  [fleet.Health.OK]: 'ok',
  [fleet.Health.NO_MASTER]: 'no-master',
  [fleet.Health.MULTI_MASTER]: 'multi-master',
  [fleet.Health.DEGRADED]: 'degraded',
} as const;

export const phaseWord = {
  [fleet.OperationPhase.UNRECOGNIZED]: 'pending',
  [fleet.OperationPhase.UNSPECIFIED]: 'pending',
  [fleet.OperationPhase.PENDING]: 'pending',
  [fleet.OperationPhase.RUNNING]: 'running',
  [fleet.OperationPhase.SUCCEEDED]: 'succeeded',
  [fleet.OperationPhase.FAILED]: 'failed',
  [fleet.OperationPhase.CANCELLED]: 'cancelled',
} as const;
