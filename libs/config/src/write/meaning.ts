import type { KeepalivedConfig } from '../model/model.ts';
import { writeKeepalivedConfig } from './write-config.ts';

/**
 * One text for all files that mean the same, whatever the order of their blocks: what the hash of a configuration is of.
 * Order counts within a block, as that of addresses and of real servers does. Secrets are in it.
 */
export function meaningText(config: KeepalivedConfig): string {
  return writeKeepalivedConfig({
    ...config,
    garpGroups: inOrder(config.garpGroups, ({ interfaces }) => interfaces.join(' ')),
    trackGroups: inOrder(config.trackGroups, ({ name }) => name),
    scripts: inOrder(config.scripts, ({ name }) => name),
    trackFiles: inOrder(config.trackFiles, ({ name }) => name),
    trackProcesses: inOrder(config.trackProcesses, ({ name }) => name),
    bfdInstances: inOrder(config.bfdInstances, ({ name }) => name),
    vrrpInstances: inOrder(config.vrrpInstances, ({ name }) => name),
    syncGroups: inOrder(config.syncGroups, ({ name }) => name),
    virtualServerGroups: inOrder(config.virtualServerGroups, ({ name }) => name),
    virtualServers: inOrder(config.virtualServers, ({ key }) => key),
  });
}

function inOrder<T>(items: readonly T[], nameOf: (item: T) => string): readonly T[] {
  return items
    .map((item) => ({ item, name: nameOf(item) }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ item }) => item);
}
