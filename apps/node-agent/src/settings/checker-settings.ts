import { hostname } from 'node:os';
import type { Check, CheckTls, Connection, HttpUrl, KeepalivedConfig, UrlPattern } from '@keepfleet/config';
import {
  type BodyPattern,
  type CheckerSettings,
  type ConnectionSettings,
  DNS_TYPES,
  type ScheduleSettings,
  type TlsSettings,
  type UrlSettings,
} from '@keepfleet/health';
import { micros } from '@keepfleet/machine';

/** What the whole file says for checkers. */
export type CheckerDefaults = Pick<KeepalivedConfig, 'globalDefs' | 'ssl'>;

/** The part of it that they use, and what else a checker hangs on: the same text, the same checkers. */
export function checkerDefaults({ globalDefs, ssl }: CheckerDefaults): string {
  const { smtpHeloName = hostname(), scriptUser, enableScriptSecurity } = globalDefs;
  return JSON.stringify([smtpHeloName, scriptUser, enableScriptSecurity, ssl]);
}

/** A checker of the configuration as the health library wants it. */
export function checkerSettings(check: Check, defaults: CheckerDefaults): CheckerSettings {
  const schedule = scheduleSettings(check);
  switch (check.kind) {
    case 'tcp':
    case 'ping':
      return { kind: check.kind, schedule, connection: connectionSettings(check.connection) };
    case 'http':
      return {
        kind: 'http',
        schedule,
        connection: connectionSettings(check.connection),
        tls: tlsSettings(check.tls, defaults),
        protocol: check.protocol,
        virtualHost: check.virtualHost ?? null,
        urls: check.urls.map(urlSettings),
        fastRecovery: check.fastRecovery,
      };
    case 'grpc':
      return {
        kind: 'grpc',
        schedule,
        connection: connectionSettings(check.connection),
        tls: tlsSettings(check.tls, defaults),
        service: check.service,
        authority: check.authority ?? null,
      };
    case 'smtp':
      return {
        kind: 'smtp',
        schedule,
        connection: connectionSettings(check.connection),
        heloName: check.heloName ?? defaults.globalDefs.smtpHeloName ?? hostname(),
      };
    case 'dns':
      return {
        kind: 'dns',
        schedule,
        connection: connectionSettings(check.connection),
        type: DNS_TYPES[check.type],
        name: check.name,
        leastAnswers: check.leastAnswers,
        answer: check.answer ?? null,
      };
    case 'udp':
      return {
        kind: 'udp',
        schedule,
        connection: connectionSettings(check.connection),
        payload: check.payload ?? null,
        reply: check.reply ?? null,
      };
    case 'misc': {
      const { argv, user, group } = check.command;
      const { scriptUser, enableScriptSecurity } = defaults.globalDefs;
      const who = check.user ?? (user === undefined ? scriptUser : { user, ...(group === undefined ? {} : { group }) });
      return {
        kind: 'misc',
        schedule,
        argv,
        user: who === undefined ? null : { user: who.user, group: who.group ?? null },
        timeout: micros(check.timeout),
        dynamic: check.dynamic,
        secure: enableScriptSecurity,
      };
    }
    case 'file':
      return {
        kind: 'file',
        schedule,
        name: check.name,
        path: check.path,
        weight: check.weight === 0 ? 0 : check.reverse ? -check.weight : check.weight,
      };
    case 'bfd':
      return { kind: 'bfd', schedule, name: check.name };
  }
}

function scheduleSettings(check: Check): ScheduleSettings {
  const { latency } = check;
  return {
    delayLoop: micros(check.delayLoop),
    retry: check.retry,
    delayBeforeRetry: micros(check.delayBeforeRetry),
    warmup: micros(check.warmup),
    alpha: check.alpha,
    logAllFailures: check.logAllFailures,
    rise: check.rise,
    latency: latency === undefined ? null : { target: micros(latency.target), leastShare: latency.leastShare },
  };
}

function connectionSettings(connection: Connection): ConnectionSettings {
  return {
    address: connection.address,
    port: connection.port,
    bindAddress: connection.bindAddress ?? null,
    bindPort: connection.bindPort ?? null,
    bindInterface: connection.bindInterface ?? null,
    fwmark: connection.mark ?? null,
    connectTimeout: micros(connection.timeout),
  };
}

function tlsSettings(tls: CheckTls | undefined, { ssl }: CheckerDefaults): TlsSettings | null {
  if (tls === undefined) return null;
  return {
    serverName: tls.serverName ?? null,
    verify: tls.verify,
    authorities: tls.authorities ?? ssl.ca ?? null,
    verifyName: tls.verifyName ?? null,
    certificate: ssl.certificate ?? null,
    key: ssl.key ?? null,
    passphrase: ssl.password ?? null,
    compliant: tls.compliant,
  };
}

function patternSettings({ written, source, flags, negate, from, before }: UrlPattern): BodyPattern {
  return { written, source, flags, negate, from, before: before ?? null };
}

function urlSettings(url: HttpUrl): UrlSettings {
  return {
    path: url.path,
    virtualHost: url.virtualHost ?? null,
    statusCodes: url.statusCodes.map(({ first, last }) => ({ first, last })),
    digest: url.digest ?? null,
    pattern: url.pattern === undefined ? null : patternSettings(url.pattern),
    method: url.method,
    headers: url.headers,
    body: url.body ?? null,
  };
}
