import type { BfdInstance } from '../model/model.ts';
import { type Line, optional, when, wordText } from './text.ts';

const MILLISECOND = 1_000;

export function bfdLines(instance: BfdInstance): Line {
  const { weight, reverse, forVrrp, forChecker } = instance;
  return [
    `bfd_instance ${wordText(instance.name)}`,
    [
      `neighbor_ip ${instance.neighbor}`,
      ...optional('source_ip', instance.source, (address) => address),
      `min_rx ${instance.minRx / MILLISECOND}`,
      `min_tx ${instance.minTx / MILLISECOND}`,
      `idle_tx ${instance.idleTx / MILLISECOND}`,
      `multiplier ${instance.multiplier}`,
      ...when(instance.passive, 'passive'),
      ...optional('ttl', instance.ttl, String),
      ...when(instance.maxHops !== 0, `max_hops ${instance.maxHops}`),
      ...when(instance.multihop, 'multihop'),
      ...when(weight !== 0 || reverse, `weight ${weight}${reverse ? ' reverse' : ''}`),
      ...when(!forChecker, 'vrrp'),
      ...when(!forVrrp, 'checker'),
    ],
  ];
}
