import type { Diagnostics } from '../diagnostics.ts';
import { CHECKERS, type TimingSettings } from '../grammar/checks.ts';
import type { RealServerDraft, VirtualServerSettings } from '../grammar/virtual-server.ts';
import type { Check } from './virtual-server.ts';

const SECOND = 1_000_000;
const DEFAULT_DELAY_LOOP = 60 * SECOND;
const DEFAULT_CONNECT_TIMEOUT = 5 * SECOND;

type Settings = Partial<VirtualServerSettings>;

/** A checker with its timing from the innermost block that sets it; one that could not check anything is reported and left out. */
export function resolveCheck(
  { keyword, settings }: NonNullable<RealServerDraft['set']['checks']>[number],
  server: RealServerDraft,
  port: number,
  service: Settings,
  diagnostics: Diagnostics,
): Check | undefined {
  const kind = CHECKERS[keyword];
  if (kind === undefined) return undefined;
  const { set, at } = settings;
  const timing = <K extends keyof TimingSettings>(field: K) => set[field] ?? server.set[field] ?? service[field];
  const delayLoop = timing('delayLoop') ?? DEFAULT_DELAY_LOOP;
  const base = {
    at,
    delayLoop,
    retry: timing('retry') ?? kind.retry,
    delayBeforeRetry:
      timing('delayBeforeRetry') ?? (kind.delayBeforeRetry === undefined ? delayLoop : kind.delayBeforeRetry * SECOND),
    warmup: timing('warmup') ?? delayLoop,
    alpha: set.alpha ?? server.set.alpha ?? service.alpha ?? false,
    logAllFailures: set.logAllFailures ?? false,
  };
  const { bindAddress, bindPort, bindInterface, mark } = set;
  const connection = {
    address: set.connectAddress ?? server.address,
    port: set.connectPort ?? port,
    timeout: timing('connectTimeout') ?? DEFAULT_CONNECT_TIMEOUT,
    ...(bindAddress === undefined ? {} : { bindAddress }),
    ...(bindPort === undefined ? {} : { bindPort }),
    ...(bindInterface === undefined ? {} : { bindInterface }),
    ...(mark === undefined ? {} : { mark }),
  };
  switch (kind.kind) {
    case 'tcp':
      return { ...base, kind: 'tcp', connection };
    case 'http': {
      const virtualHost = set.virtualHost ?? server.set.virtualHost ?? service.virtualHost;
      if (set.urls === undefined) {
        diagnostics.error(
          'missing-setting',
          at,
          `${keyword} has no url and cannot check anything`,
          'add: url { path / }',
        );
        return undefined;
      }
      return {
        ...base,
        kind: 'http',
        connection,
        tls: kind.tls,
        protocol: set.protocol ?? '1.0',
        serverNameIndication: set.serverNameIndication ?? false,
        ...(virtualHost === undefined ? {} : { virtualHost }),
        urls: set.urls,
      };
    }
    case 'misc':
      if (set.command === undefined) {
        diagnostics.error(
          'missing-setting',
          at,
          'MISC_CHECK has no misc_path and cannot check anything',
          'add: misc_path "COMMAND"',
        );
        return undefined;
      }
      return {
        ...base,
        kind: 'misc',
        command: set.command,
        timeout: set.timeout === undefined || set.timeout === 0 ? delayLoop : set.timeout,
        dynamic: set.dynamic ?? false,
      };
    default:
      return { ...base, kind: kind.kind };
  }
}
