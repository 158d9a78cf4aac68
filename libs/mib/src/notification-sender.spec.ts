import * as nodeCrypto from 'node:crypto';
import { type Instant, after, instant, millis, seconds } from '@keepfleet/machine';
import { unhex } from '@keepfleet/wire';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { NotificationPacer } from './notification-pacer.ts';
import { MAX_QUEUED_INFORMS, NotificationSender, type ReceiverSettings } from './notification-sender.ts';
import { notificationVarBinds } from './notifications.ts';
import { oidText } from './oid.ts';
import { instanceRow, rows } from './rows.fixture.ts';
import { KeptRowNumbers } from './row-numbers.ts';
import { ENGINE, cryptoOf, keysOf, salt } from './snmp-agent.fixture.ts';
import { decodeMessage, encodeCommunityMessage } from './snmp-message.ts';
import type { VarBind } from './value.ts';

const crypto = cryptoOf(nodeCrypto);
const masterKeys = keysOf(crypto);
const COMMUNITY = unhex('7472617073');
const own = { id: ENGINE, boots: 1, time: () => 7 };

function senderOf(more: Partial<ReceiverSettings> = {}): NotificationSender {
  const security = { version: 'v2c', community: COMMUNITY } as const;
  return new NotificationSender({ security, inform: true, timeout: seconds(1), ...more }, own, crypto, salt, 1);
}

const telling = (sysUpTime: number) => ({ sysUpTime, varBinds: [] });

/** sysUpTime and request id of each inform. */
function sent(datagrams: readonly Uint8Array[]): { upTime: number | undefined; requestId: number }[] {
  return datagrams.flatMap((bytes) => {
    const message = decodeMessage(bytes);
    if (!message.ok || message.value.version === 'v3') return [];
    const [first] = message.value.pdu.varBinds;
    const upTime = first?.value.type === 'timeticks' ? first.value.value : undefined;
    return [{ upTime, requestId: message.value.pdu.requestId }];
  });
}

function acknowledgement(requestId: number): Uint8Array {
  const pdu = { kind: 'response', requestId, errorStatus: 0, errorIndex: 0, varBinds: [] } as const;
  return encodeCommunityMessage({ version: 'v2c', community: COMMUNITY, pdu });
}

describe('NotificationSender', () => {
  it('repeats an inform in growing pauses until it is answered, then goes on with the next', () => {
    const sender = senderOf();
    let now = instant(0);
    const [first] = sent(sender.notify(telling(1), now));
    expect(sent(sender.notify(telling(2), now))).toEqual([]);
    const pauses: number[] = [];
    for (let i = 0; i < 9; i++) {
      const deadline: Instant = sender.nextDeadline() ?? now;
      pauses.push((deadline - now) / 1_000_000);
      now = deadline;
      expect(sent(sender.timeout(now))).toEqual([first]);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect(sender.receive(acknowledgement(99), now)).toEqual([]);
    expect(sent(sender.receive(acknowledgement(first?.requestId ?? 0), now))).toMatchObject([{ upTime: 2 }]);
    expect(sender.counters).toMatchObject({ sent: 2, acknowledged: 1, repeated: 9, dropped: 0, strange: 1 });
  });

  it('keeps so many and gives up the oldest, but not the one under way', () => {
    const sender = senderOf();
    for (let i = 0; i <= MAX_QUEUED_INFORMS + 4; i++) sender.notify(telling(i), instant(0));
    expect(sender.queued).toBe(MAX_QUEUED_INFORMS);
    expect(sender.counters.dropped).toBe(5);
    const [first] = sent(sender.timeout(instant(1_000_000)));
    expect(first?.upTime).toBe(0);
    expect(sent(sender.receive(acknowledgement(first?.requestId ?? 0), instant(1_000_001)))).toMatchObject([
      { upTime: 6 },
    ]);
  });

  it('sends a trap once, and waits for nothing', () => {
    const sender = senderOf({ inform: false });
    expect(sent(sender.notify(telling(1), instant(0)))).toMatchObject([{ upTime: 1 }]);
    expect(sender.nextDeadline()).toBeUndefined();
  });

  it('asks a receiver of version 3 who it is before the first inform', () => {
    const sender = senderOf({ security: { version: 'v3', user: 'ops', keys: masterKeys } });
    const [question] = sender.notify(telling(1), instant(0));
    const message = question && decodeMessage(question);
    expect(message).toMatchObject({
      ok: true,
      value: { authenticated: false, reportable: true, usm: { engineBoots: 0 } },
    });
    expect(sender.receive(unhex('3003020103'), instant(1))).toEqual([]);
  });
});

describe('NotificationPacer', () => {
  it('lets a burst through, then one at a time, in order, and gives up the oldest beyond its limit', () => {
    const pacer = new NotificationPacer<number>({ burst: 3, interval: millis(100), limit: 5 });
    let now = instant(0);
    const out: number[] = [];
    for (let i = 1; i <= 10; i++) out.push(...pacer.push(i, now));
    expect(out).toEqual([1, 2, 3]);
    expect(pacer).toMatchObject({ length: 5, dropped: 2 });
    for (;;) {
      const deadline = pacer.nextDeadline();
      if (deadline === undefined) break;
      now = deadline;
      out.push(...pacer.timeout(now));
    }
    expect(out).toEqual([1, 2, 3, 6, 7, 8, 9, 10]);
    expect(now).toBe(500_000);
    now = after(now, seconds(60));
    expect(pacer.push(11, now)).toEqual([11]);
  });
});

describe('notificationVarBinds', () => {
  const shown = (varBinds: readonly VarBind[] | undefined) =>
    varBinds?.map(({ name, value }) => `${oidText(name)} ${'value' in value ? String(value.value) : value.type}`);

  it('names the rows by the indexes of the tables, though nobody has asked for those yet', () => {
    const numbers = new KeptRowNumbers();
    const told = notificationVarBinds({ kind: 'instance-state', instance: 'VI_2', state: 'master' }, rows(), numbers);
    expect(told?.map(({ name }) => oidText(name).replace('1.3.6.1.4.1.9586.100.5', ''))).toEqual([
      '1.3.6.1.6.3.1.1.4.1.0',
      '.2.3.1.2.2',
      '.2.3.1.4.2',
      '.2.3.1.5.2',
      '.1.2.0',
    ]);
  });

  it('tells of a virtual server by what it listens on', () => {
    const numbers = new KeptRowNumbers();
    const quorum = (virtualServer: string) =>
      shown(notificationVarBinds({ kind: 'quorum-state', virtualServer, state: 'notMet' }, rows(), numbers))
        ?.slice(1, -1)
        .map((line) => line.replace('1.3.6.1.4.1.9586.100.5.3.3.1.', ''));
    expect(quorum('one')).toEqual([
      '2.1 2',
      '5.1 1',
      '6.1 198,51,100,15',
      '7.1 80',
      '8.1 1',
      '23.1 2',
      '22.1 1',
      '21.1 2',
      '20.1 2',
    ]);
    expect(quorum('two')).toEqual(['2.2 1', '4.2 9', '8.2 4', '23.2 2', '22.2 1', '21.2 2', '20.2 1']);
    expect(quorum('none')).toBeUndefined();
  });

  it('tells of two masters as KEEPFLEET-MIB has it', () => {
    const told = notificationVarBinds(
      {
        kind: 'multi-master',
        instance: 'VI_1',
        vrid: 51,
        family: 'ipv6',
        address: ip('fe80::1'),
        masters: ['n1', 'n2'],
        message: 'two',
      },
      rows(),
      new KeptRowNumbers(),
    );
    const mib = '1.3.6.1.4.1.8072.9999.9999.7946';
    const octets = (text: string) => [...Buffer.from(text)].join();
    expect(shown(told)?.slice(0, -1)).toEqual([
      `1.3.6.1.6.3.1.1.4.1.0 ${mib.replaceAll('.', ',')},0,1`,
      `${mib}.1.1.1.0 ${octets('VI_1')}`,
      `${mib}.1.1.2.0 51`,
      `${mib}.1.1.3.0 2`,
      `${mib}.1.1.4.0 254,128,0,0,0,0,0,0,0,0,0,0,0,0,0,1`,
      `${mib}.1.1.5.0 2`,
      `${mib}.1.1.6.0 ${octets('n1,n2')}`,
      `${mib}.1.1.7.0 ${octets('two')}`,
    ]);
  });

  it('indexes the notifications of the RFCs by interface and VRID', () => {
    const router = {
      ifIndex: 4,
      family: 'ipv4',
      master: null,
      primary: null,
      upFor: 1,
      upSince: 1,
      newMasterReason: 'notMaster',
      lastError: 'noError',
      countersSince: 0,
      counters: {
        becameMaster: 0,
        advertsReceived: 0,
        priorityZeroReceived: 0,
        priorityZeroSent: 0,
        intervalErrors: 0,
        authFailures: 0,
        ttlErrors: 0,
        typeErrors: 0,
        addressListErrors: 0,
        invalidAuthTypes: 0,
        authTypeMismatches: 0,
        lengthErrors: 0,
        checksumErrors: 0,
        versionErrors: 0,
      },
    } as const;
    const [first] = rows().instances;
    const instances = [instanceRow('V', { vrid: 9, router, addresses: first?.addresses ?? [] })];
    const names = (notification: Parameters<typeof notificationVarBinds>[0]) =>
      notificationVarBinds(notification, { ...rows(), instances }, new KeptRowNumbers())?.map(({ name }) =>
        oidText(name),
      );
    expect(names({ kind: 'new-master-v2', instance: 'V' })?.[1]).toBe('1.3.6.1.2.1.68.1.3.1.7.4.9');
    expect(names({ kind: 'new-master-v3', instance: 'V', reason: 'preempted' })?.slice(1)).toEqual([
      '1.3.6.1.2.1.207.1.1.1.1.3.4.9.1',
      '1.3.6.1.2.1.207.1.2.5.1.2.4.9.1',
    ]);
    expect(names({ kind: 'protocol-error', instance: 'V', error: 'ipTtlError' })?.[1]).toBe(
      '1.3.6.1.2.1.207.1.2.5.1.6.4.9.1',
    );
    expect(names({ kind: 'protocol-error', instance: 'gone', error: 'ipTtlError' })).toBeUndefined();
  });
});
