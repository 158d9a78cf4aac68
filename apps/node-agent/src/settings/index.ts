/**
 * From the configuration and the overrides to what the vrrp, lvs and bfd processes are told. Pure.
 *
 * Call order: nodeSettings of the parsed configuration, then applyOverrides with those in force; send the results.
 */
import type { KeepalivedConfig } from '@keepfleet/config';
import type { NodeSettings } from './apply-overrides.ts';
import { bfdSettings } from './bfd-settings.ts';
import { lvsSettings } from './lvs-settings.ts';
import { vrrpSettings } from './vrrp-settings.ts';

export { type NodeSettings, type Overridden, applyOverrides } from './apply-overrides.ts';
export { bfdSettings } from './bfd-settings.ts';
export { lvsSettings, syncDaemonSettings } from './lvs-settings.ts';
export * from './override.ts';
export { vrrpSettings } from './vrrp-settings.ts';

export function nodeSettings(config: KeepalivedConfig): NodeSettings {
  return { vrrp: vrrpSettings(config), lvs: lvsSettings(config), bfd: bfdSettings(config) };
}
