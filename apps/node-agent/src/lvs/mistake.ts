import type { CheckerSettings } from '@keepfleet/health';
import type { LvsSettings } from '@keepfleet/ipvs';

/** What the schema cannot see. The servers of services that are in force have been looked at before. */
export function mistakeIn(
  { virtualServers }: LvsSettings<CheckerSettings>,
  inForce: ReadonlySet<unknown>,
): string | undefined {
  const services = new Set<string>();
  for (const service of virtualServers) {
    const { key, realServers } = service;
    if (services.has(key)) return `the virtual server ${key} is there twice`;
    services.add(key);
    if (inForce.has(service)) continue;
    const servers = new Set<string>();
    for (const server of realServers) {
      if (servers.has(server.key)) return `the real server ${server.key} is twice in ${key}`;
      servers.add(server.key);
    }
  }
  return undefined;
}
