import { isNetwork, type NetworkName } from './plan.ts';
import { isRecord } from './protocol.ts';

export const killTargets = ['vrrp', 'lvs', 'control', 'host'] as const;
export type KillTarget = (typeof killTargets)[number];

export type Fault =
  | { kind: 'link-down'; host: string; interface: string }
  | { kind: 'link-up'; host: string; interface: string }
  | { kind: 'kill'; host: string; target: KillTarget }
  | { kind: 'boot'; host: string }
  | { kind: 'partition'; hosts: [string, string]; network?: NetworkName }
  | { kind: 'heal' }
  | { kind: 'pause'; host: string }
  | { kind: 'resume'; host: string };

export const faultKinds = [
  'link-down',
  'link-up',
  'kill',
  'boot',
  'partition',
  'heal',
  'pause',
  'resume',
] as const satisfies Fault['kind'][];

export function isKillTarget(word: unknown): word is KillTarget {
  return killTargets.some((target) => target === word);
}

/** Undefined for anything that is no fault. */
export function parseFault(value: unknown): Fault | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, host, target, hosts, network } = value;
  switch (kind) {
    case 'link-down':
    case 'link-up': {
      const name = value['interface'];
      return typeof host === 'string' && typeof name === 'string' ? { kind, host, interface: name } : undefined;
    }
    case 'kill':
      return typeof host === 'string' && isKillTarget(target) ? { kind, host, target } : undefined;
    case 'boot':
    case 'pause':
    case 'resume':
      return typeof host === 'string' ? { kind, host } : undefined;
    case 'partition': {
      if (!Array.isArray(hosts)) return undefined;
      const [a, b]: unknown[] = hosts;
      if (typeof a !== 'string' || typeof b !== 'string') return undefined;
      if (network === undefined) return { kind, hosts: [a, b] };
      return typeof network === 'string' && isNetwork(network) ? { kind, hosts: [a, b], network } : undefined;
    }
    case 'heal':
      return { kind };
    default:
      return undefined;
  }
}
