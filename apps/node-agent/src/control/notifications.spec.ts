import { parseKeepalivedConfig } from '@keepfleet/config';
import type { LvsEvent } from '@keepfleet/ipvs';
import type { VrrpEvent } from '@keepfleet/vrrp';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { Notifications } from './notifications.ts';
import { RouterHistory } from './router-history.ts';

const configOf = (keywords: string) =>
  parseKeepalivedConfig({ file: 'k.conf', text: `global_defs {\n${keywords}\n}\n` }).config;
const everything = configOf('enable_traps\nenable_snmp_checker\nenable_snmp_rfc');
const service = 'tcp/198.51.100.15:80';
const notifications = new Notifications(new RouterHistory());

describe('what managers are told of a service', () => {
  const quorum = { service, weight: 0, quorum: 2, realServersUp: 1 };

  it.each<[LvsEvent, object]>([
    [
      { kind: 'real-server-down', service, server: '192.0.2.10:80', reason: 'refused', realServersUp: 1 },
      { kind: 'real-server-state', virtualServer: service, realServer: '192.0.2.10:80', up: false, realServersUp: 1 },
    ],
    [
      { kind: 'quorum-lost', ...quorum },
      { kind: 'quorum-state', virtualServer: service, state: 'notMet', realServersUp: 1 },
    ],
    [
      { kind: 'quorum-lost', ...quorum, reason: 'stopped' },
      { kind: 'quorum-state', virtualServer: service, state: 'shutdown', realServersUp: 1 },
    ],
    [
      { kind: 'quorum-gained', ...quorum },
      { kind: 'quorum-state', virtualServer: service, state: 'met', realServersUp: 1 },
    ],
  ])('has how many servers were up when it happened: %j', (event, told) => {
    expect(notifications.ofLvs(event, everything)).toEqual([told]);
  });

  it.each(['enable_traps', 'enable_snmp_checker'])('is nothing with %s alone', (keywords) => {
    expect(notifications.ofLvs({ kind: 'quorum-lost', ...quorum }, configOf(keywords))).toEqual([]);
  });
});

describe('what managers are told of a wrong advert', () => {
  it.each<[Extract<VrrpEvent, { kind: 'bad-packet' }>['error'], string]>([
    ['auth-type-unknown', 'invalidAuthType'],
    ['auth-type', 'authTypeMismatch'],
    ['auth-failure', 'authFailure'],
  ])('of error %s is %s of RFC 2787', (error, told) => {
    const source = ip('192.0.2.9');
    const event = { kind: 'bad-packet', instance: 'VI_1', error, source, detail: '' } as const;
    expect(notifications.ofVrrp(event, [], everything, 0)).toEqual([
      { kind: 'auth-failure', instance: 'VI_1', source, error: told },
    ]);
  });
});
