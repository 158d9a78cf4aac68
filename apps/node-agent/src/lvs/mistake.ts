import type { CheckerSettings } from '@keepfleet/health';
import type { LvsSettings } from '@keepfleet/ipvs';

/** What the schema cannot see. */
export function mistakeIn({ virtualServers }: LvsSettings<CheckerSettings>): string | undefined {
  const services = new Set<string>();
  for (const { key, realServers } of virtualServers) {
    if (services.has(key)) return `the virtual server ${key} is there twice`;
    services.add(key);
    const servers = new Set<string>();
    for (const server of realServers) {
      if (servers.has(server.key)) return `the real server ${server.key} is twice in ${key}`;
      servers.add(server.key);
    }
  }
  return undefined;
}
