import { familyOf } from '@keepfleet/wire';
import type { Diagnostics } from '../diagnostics.ts';
import { CHECKERS, type CheckSettings } from '../grammar/checks.ts';
import { http2Mistakes } from '../grammar/http-check.ts';
import { type RealServerDraft, type VirtualServerSettings, ownPlace } from '../grammar/virtual-server.ts';
import type { Check, CheckBase, CheckTls, Connection } from './check.ts';
import type { Mutable } from './parts.ts';
import type { TrackFile } from './model.ts';

const SECOND = 1_000_000;
const DEFAULT_DELAY_LOOP = 60 * SECOND;
const DEFAULT_CONNECT_TIMEOUT = 5 * SECOND;
const DEFAULT_LONGEST_REPLY = 255;

type Settings = Partial<VirtualServerSettings>;

const NO_CHECKS: readonly Check[] = [];

/** The checkers of a real server that can check something. */
export function resolveChecks(
  server: RealServerDraft,
  port: number,
  service: Settings,
  surroundings: CheckSurroundings,
  diagnostics: Diagnostics,
): readonly Check[] {
  const { checks } = server.set;
  if (checks === undefined) return NO_CHECKS;
  const [first] = checks;
  if (first !== undefined && checks.length === 1) {
    const check = resolveCheck(first, server, port, service, surroundings, diagnostics);
    return check === undefined ? NO_CHECKS : [check];
  }
  return checks.flatMap((one) => resolveCheck(one, server, port, service, surroundings, diagnostics) ?? []);
}

/** A checker with its timing from the innermost block that sets it; one that could not check anything is reported and left out. */
function resolveCheck(
  { keyword, settings }: NonNullable<RealServerDraft['set']['checks']>[number],
  server: RealServerDraft,
  port: number,
  service: Settings,
  surroundings: CheckSurroundings,
  diagnostics: Diagnostics,
): Check | undefined {
  const kind = CHECKERS[keyword];
  if (kind === undefined) return undefined;
  const { set } = settings;
  const at = ownPlace(server, settings.at);
  const own = server.set;
  // Each by its name: of tens of thousands, a field by a variable takes several times as long.
  const delayLoop = set.delayLoop ?? own.delayLoop ?? service.delayLoop ?? DEFAULT_DELAY_LOOP;
  const retry = set.retry ?? own.retry ?? service.retry ?? kind.retry;
  const delayBeforeRetry =
    set.delayBeforeRetry ??
    own.delayBeforeRetry ??
    service.delayBeforeRetry ??
    (kind.delayBeforeRetry === undefined ? delayLoop : kind.delayBeforeRetry * SECOND);
  const warmup = set.warmup ?? own.warmup ?? service.warmup ?? delayLoop;
  const alpha = set.alpha ?? own.alpha ?? service.alpha ?? false;
  const logAllFailures = set.logAllFailures ?? surroundings.logAllFailures;
  const rise = set.rise ?? 1;
  const connection: Mutable<Connection> = {
    address: set.connectAddress ?? server.address,
    port: set.connectPort ?? port,
    timeout: set.connectTimeout ?? own.connectTimeout ?? service.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT,
  };
  if (set.bindAddress !== undefined) {
    if (familyOf(set.bindAddress) === familyOf(connection.address)) connection.bindAddress = set.bindAddress;
    else
      diagnostics.warning(
        'ignored',
        ownPlace(server, settings.places.bindAddress ?? settings.at),
        `bindto ${set.bindAddress} is of another family than ${connection.address}, to which ${keyword} goes, and is left out`,
      );
  }
  if (set.bindPort !== undefined) connection.bindPort = set.bindPort;
  if (set.bindInterface !== undefined) connection.bindInterface = set.bindInterface;
  if (set.mark !== undefined) connection.mark = set.mark;
  // What most are, in one piece: a spread makes several.
  if (kind.kind === 'tcp' && set.latency === undefined)
    return { at, delayLoop, retry, delayBeforeRetry, warmup, alpha, logAllFailures, rise, kind: 'tcp', connection };
  const base: Mutable<CheckBase> = { at, delayLoop, retry, delayBeforeRetry, warmup, alpha, logAllFailures, rise };
  if (set.latency !== undefined) base.latency = set.latency;
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
      if (set.protocol === '2')
        for (const { at: place, text } of set.urls.flatMap(http2Mistakes))
          diagnostics.error('bad-value', ownPlace(server, place), text, 'take it out, or another http_protocol');
      return {
        ...base,
        kind: 'http',
        connection,
        ...(kind.tls ? { tls: tlsSettings(set, set.urls[0]?.virtualHost ?? virtualHost) } : {}),
        protocol: set.protocol ?? '1.0',
        fastRecovery: set.fastRecovery ?? false,
        ...(virtualHost === undefined ? {} : { virtualHost }),
        urls: set.urls.map(({ written: _, ...url }) => ({ ...url, at: ownPlace(server, url.at) })),
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
        ...(set.user === undefined ? {} : { user: set.user }),
      };
    case 'grpc':
      return {
        ...base,
        kind: 'grpc',
        connection,
        ...(set.tls === true ? { tls: tlsSettings(set, set.authority) } : {}),
        service: set.service ?? '',
        ...(set.authority === undefined ? {} : { authority: set.authority }),
      };
    case 'smtp':
      return { ...base, kind: 'smtp', connection, ...(set.heloName === undefined ? {} : { heloName: set.heloName }) };
    case 'dns':
      return {
        ...base,
        kind: 'dns',
        connection,
        type: set.recordType ?? 'SOA',
        name: set.recordName ?? '',
        ...(set.answer === undefined ? {} : { answer: set.answer }),
        leastAnswers: set.leastAnswers ?? 0,
      };
    case 'udp': {
      const minLength = set.leastReply ?? 0;
      const maxLength = set.greatestReply ?? DEFAULT_LONGEST_REPLY;
      if (minLength > maxLength)
        diagnostics.warning(
          'adjusted',
          at,
          `UDP_CHECK wants replies of at least ${minLength} and at most ${maxLength} octets, which no reply is`,
        );
      return {
        ...base,
        kind: 'udp',
        connection,
        ...(set.payload === undefined ? {} : { payload: set.payload }),
        ...(set.reply === undefined ? {} : { reply: { data: set.reply, minLength, maxLength } }),
      };
    }
    case 'ping':
      return { ...base, kind: 'ping', connection };
    case 'file': {
      const tracked = surroundings.trackFiles.find((file: TrackFile) => file.name === set.trackFile);
      if (set.trackFile === undefined || tracked === undefined) {
        const which =
          set.trackFile === undefined ? 'has no track_file' : `names the track_file ${set.trackFile}, which is nowhere`;
        diagnostics.error(
          'missing-setting',
          at,
          `FILE_CHECK ${which}`,
          'add: track_file NAME { file PATH } and its name here',
        );
        return undefined;
      }
      // As in keepalived, a weight of 0 is no weight: the file's own counts.
      const weight = set.weight === undefined || set.weight.weight === 0 ? tracked : set.weight;
      return {
        ...base,
        kind: 'file',
        name: tracked.name,
        path: tracked.path,
        weight: weight.weight,
        reverse: weight.reverse,
      };
    }
    case 'bfd':
      if (set.name === undefined) {
        diagnostics.error('missing-setting', at, 'BFD_CHECK has no name', 'add: name of a bfd_instance');
        return undefined;
      }
      if (!surroundings.bfdInstances.has(set.name)) {
        diagnostics.warning(
          'unresolved-reference',
          ownPlace(server, settings.places.name ?? settings.at),
          `there is no usable bfd_instance ${set.name}, so that BFD_CHECK checks nothing and is left out`,
        );
        return undefined;
      }
      return { ...base, logAllFailures: false, kind: 'bfd', name: set.name };
  }
}

/** What a checker takes from elsewhere in the file. */
export interface CheckSurroundings {
  readonly trackFiles: readonly TrackFile[];
  readonly bfdInstances: ReadonlySet<string>;
  readonly logAllFailures: boolean;
}

function tlsSettings(set: Partial<CheckSettings>, host: string | undefined): CheckTls {
  // keepalived sends the name of sni_name, else the virtual host's.
  const wanted = set.serverName === undefined ? set.serverNameIndication === true : true;
  const name = set.serverName === undefined || set.serverName === '' ? host : set.serverName;
  return {
    ...(wanted && name !== undefined ? { serverName: name } : {}),
    verify: set.tlsVerify ?? false,
    ...(set.tlsAuthorities === undefined ? {} : { authorities: set.tlsAuthorities }),
    ...(set.tlsName === undefined ? {} : { verifyName: set.tlsName }),
    compliant: set.tlsCompliant ?? false,
  };
}
