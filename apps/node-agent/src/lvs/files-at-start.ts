import { type CheckerSettings, WatchedChecker, isWatched } from '@keepfleet/health';
import type { LvsSettings } from '@keepfleet/ipvs';
import { instant } from '@keepfleet/machine';
import { numberIn } from './watched-file.ts';

/**
 * Settings in which a server whose file says now that it is down begins as down, as with `alpha`: as with keepalived, which
 * reads the files first, not one connection goes to it. All others are the objects that they were, by which a reload
 * knows that they are the same.
 */
export function withFilesRead(settings: LvsSettings<CheckerSettings>): LvsSettings<CheckerSettings> {
  const read = new Map<string, boolean>();
  const isDown = (checker: CheckerSettings): boolean => {
    if (!isWatched(checker) || checker.kind !== 'file') return false;
    const key = `${checker.weight} ${checker.path}`;
    const known = read.get(key) ?? saysDown(checker);
    read.set(key, known);
    return known;
  };
  const virtualServers = settings.virtualServers.map((service) => {
    if (withoutFiles.has(service)) return service;
    if (!service.realServers.some(({ checkers }) => checkers.some(({ kind }) => kind === 'file'))) {
      withoutFiles.add(service);
      return service;
    }
    if (!service.realServers.some(({ checkers }) => checkers.some(isDown))) return service;
    const realServers = service.realServers.map((server) =>
      server.checkers.some(isDown) ? { ...server, checkers: server.checkers.map(pessimistic) } : server,
    );
    return { ...service, realServers };
  });
  return { ...settings, virtualServers };
}

/** Of thousands of services a reload changes a few; the others were looked through before. */
const withoutFiles = new WeakSet<object>();

function saysDown(checker: Extract<CheckerSettings, { kind: 'file' }>): boolean {
  const now = instant(0);
  const watched = new WatchedChecker(checker, true, now);
  watched.number(numberIn(checker.path), now);
  return !watched.status.up;
}

function pessimistic(checker: CheckerSettings): CheckerSettings {
  return { ...checker, schedule: { ...checker.schedule, alpha: true } };
}
