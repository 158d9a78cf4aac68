import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { lvsEventText, vrrpEventText } from './events.ts';

describe('events in the words of the fleet', () => {
  it('say what happened, where and why', () => {
    expect(
      vrrpEventText({
        kind: 'state-changed',
        instance: 'VI_1',
        from: 'master',
        to: 'fault',
        reason: 'fault',
        priority: 150,
        causes: [{ kind: 'tracked-interface-down', interface: 'eth1' }],
      }),
    ).toEqual({
      severity: 'error',
      kind: 'vrrp.state',
      subject: 'VI_1',
      message: 'master → fault: tracked interface eth1 is down',
      attributes: { from: 'master', to: 'fault', reason: 'fault', priority: '150' },
    });
  });

  it('name the new master', () => {
    const event = vrrpEventText({
      kind: 'state-changed',
      instance: 'VI_1',
      from: 'master',
      to: 'backup',
      reason: 'higher-priority',
      priority: 100,
      master: { address: ip('172.16.0.1'), priority: 150 },
    });
    expect(event).toMatchObject({ severity: 'warning', attributes: { master: '172.16.0.1' } });
  });

  it('carry the reason of a checker', () => {
    const reason = 'HTTP_GET http://192.168.1.10:80/ answered 503, want 200';
    expect(
      lvsEventText({ kind: 'real-server-down', service: 'tcp/198.51.100.15:80', server: '192.168.1.10:80', reason }),
    ).toMatchObject({
      severity: 'error',
      subject: 'tcp/198.51.100.15:80',
      message: `192.168.1.10:80 is down: ${reason}`,
    });
  });
});
