import type { CheckerSettings } from '@keepfleet/health';
import type { Balancer, LvsEvent, LvsSettings } from '@keepfleet/ipvs';
import type { Notifier } from './notifier.ts';

type States = Balancer['states'];

/** As keepalived does for a service that begins; of its servers only where `servers` says so. */
export function tellOfNew(states: States, before: ReadonlySet<string>, servers: boolean, notifier: Notifier): void {
  for (const { settings, quorumUp, servers: known } of states) {
    if (before.has(settings.key)) continue;
    if (servers) for (const [server, { up }] of known) if (up) notifier.server(settings.key, server, true);
    if (quorumUp || settings.sorryServer !== null) notifier.quorum(settings.key, quorumUp);
  }
}

/** As keepalived does, by the settings that still hold: servers that were in use are told of as down. */
export function tellOfRemoved(
  states: States,
  { virtualServers }: LvsSettings<CheckerSettings>,
  notifier: Notifier,
): void {
  if (states.length === 0) return;
  const wanted = new Map(virtualServers.map((service) => [service.key, service]));
  for (const state of states) {
    const { key } = state.settings;
    const service = wanted.get(key);
    if (service === state.settings) continue;
    const stays = new Set(service?.realServers.map((server) => server.key));
    for (const server of inUse(state)) if (!stays.has(server)) notifier.server(key, server, false);
    if (service === undefined && state.quorumUp) notifier.quorum(key, false);
  }
}

/** What was in use is told of as down: to managers always, by scripts, pipe and mail with `omega`. Gives how many servers. */
export function tellOfEnd(states: States, event: (event: LvsEvent) => void, notifier: Notifier): number {
  let told = 0;
  for (const state of states) {
    const { key: service, omega, quorum } = state.settings;
    for (const server of inUse(state)) {
      told++;
      event({ kind: 'real-server-down', service, server, reason: 'stopped' });
      if (omega) notifier.server(service, server, false);
    }
    if (state.quorumUp || omega) event({ kind: 'quorum-lost', service, weight: 0, quorum, reason: 'stopped' });
    if (omega) notifier.quorum(service, false);
  }
  return told;
}

/** Servers that are up, unless a sorry server stands in for them. */
function inUse({ settings, quorumUp, servers }: States[number]): string[] {
  if (settings.sorryServer !== null && !quorumUp) return [];
  return [...servers].flatMap(([server, { up }]) => (up ? [server] : []));
}
