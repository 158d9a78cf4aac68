import type { IpAddress } from '@keepfleet/wire';
import type { DnsCheck } from '../model/check.ts';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import type { WrittenUrl } from './http-check.ts';
import {
  type Account,
  type Command,
  address,
  boolean,
  integer,
  interfaceName,
  optional,
  seconds,
  word,
} from './readers.ts';
import { type Draft, type Table, own, sets } from './rows.ts';

/** Timing that checkers, real servers and virtual servers may all set; the innermost counts. */
export interface TimingSettings {
  retry: number;
  delayBeforeRetry: number;
  warmup: number;
  delayLoop: number;
  connectTimeout: number;
}

/** The settings of any checker as written. */
export interface CheckSettings extends TimingSettings {
  alpha: boolean;
  logAllFailures: boolean;
  rise: number;
  latency: { readonly target: number; readonly leastShare: number };
  connectAddress: IpAddress;
  connectPort: number;
  bindAddress: IpAddress;
  bindPort: number;
  bindInterface: string;
  mark: number;
  virtualHost: string;
  protocol: '1.0' | '1.0C' | '1.1' | '2';
  serverNameIndication: boolean;
  serverName: string;
  fastRecovery: boolean;
  tlsCompliant: boolean;
  tls: boolean;
  tlsVerify: boolean;
  tlsAuthorities: string;
  tlsName: string;
  urls: readonly WrittenUrl[];
  command: Command;
  timeout: number;
  dynamic: boolean;
  user: Account;
  heloName: string;
  recordType: DnsCheck['type'];
  recordName: string;
  answer: string;
  leastAnswers: number;
  payload: string;
  reply: string;
  leastReply: number;
  greatestReply: number;
  trackFile: string;
  weight: { readonly weight: number; readonly reverse: boolean };
  name: string;
  service: string;
  authority: string;
}

export type CheckDraft = Draft<CheckSettings>;

const LONGEST = 0xffff_ffff;
const SHORTEST = 0.000001;
const MANY = 0x7fff_ffff;

export function timingRows<T extends TimingSettings>(): Table<Draft<T>> {
  return {
    retry: sets<T, 'retry'>('retry', integer(0, LONGEST)),
    delay_before_retry: sets<T, 'delayBeforeRetry'>('delayBeforeRetry', seconds(SHORTEST)),
    warmup: sets<T, 'warmup'>('warmup', seconds(0)),
    delay_loop: sets<T, 'delayLoop'>('delayLoop', seconds(SHORTEST)),
    connect_timeout: sets<T, 'connectTimeout'>('connectTimeout', seconds(SHORTEST)),
  };
}

const { connect_timeout: connectTimeout, ...timing } = timingRows<CheckSettings>();

/** What every checker takes. */
export const common: Table<CheckDraft> = {
  ...timing,
  alpha: sets('alpha', boolean),
  log_all_failures: sets('logAllFailures', boolean),
  rise: own(sets('rise', integer(1, MANY))),
};

const PERCENT = 100;
const latency = syntax('1..3600000 ms [least 1..100 %]', '200 least 25', (args: Arguments) => {
  const target = integer(1, 3_600_000)(args);
  const least = args.takeIf('least') ? integer(1, PERCENT)(args) : 10;
  return target === undefined || least === undefined
    ? undefined
    : { target: target * 1_000, leastShare: least / PERCENT };
});

/** What every checker takes that connects. */
export const connection: Table<CheckDraft> = {
  ...common,
  ...(connectTimeout === undefined ? {} : { connect_timeout: connectTimeout }),
  connect_ip: sets('connectAddress', address),
  connect_port: sets('connectPort', integer(1, 65_535)),
  bindto: sets('bindAddress', address),
  bind_port: sets('bindPort', integer(1, 65_535)),
  bind_if: sets('bindInterface', interfaceName),
  fwmark: sets('mark', integer(0, LONGEST)),
  latency_weight: own(sets('latency', latency)),
};

/** What every checker takes that may speak TLS. */
export const tls: Table<CheckDraft> = {
  enable_sni: sets('serverNameIndication', boolean),
  sni_name: sets('serverName', optional(word('a host name'), '')),
  tls_verify: own(sets('tlsVerify', boolean)),
  tls_ca: own(sets('tlsAuthorities', word('a path'))),
  tls_name: own(sets('tlsName', word('a host name'))),
};
