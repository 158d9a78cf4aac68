import { millis, seconds } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { session } from './fixtures/sessions.ts';
import { checkSettings } from './settings.ts';

describe('settings', () => {
  it('are taken when they can be carried out', () => {
    const settings = { sessions: [session(), session({ name: 'b', hops: 'multi' })] };
    expect(checkSettings(settings)).toEqual({ ok: true, value: settings });
  });

  it.each([
    ['desiredMinTx', { desiredMinTx: millis(0) }],
    ['requiredMinRx', { requiredMinRx: seconds(4295) }],
    ['idleTx', { idleTx: millis(999) }],
    ['detectMult', { detectMult: 0 }],
    ['detectMult', { detectMult: 256 }],
    ['ttl', { ttl: 0 }],
    ['leastTtl', { leastTtl: 256 }],
    ['source', { source: ip('2001:db8::1') }],
  ])('with a wrong %s are refused', (field, change) => {
    expect(checkSettings({ sessions: [session(change)] })).toMatchObject({ ok: false, error: { session: 'a', field } });
  });

  it('with two sessions of one name, or between the same addresses, are refused', () => {
    const twice = checkSettings({ sessions: [session(), session({ neighbor: ip('192.0.2.3') })] });
    expect(twice).toMatchObject({ ok: false, error: { field: 'name' } });
    const same = checkSettings({ sessions: [session(), session({ name: 'b' })] });
    expect(same).toMatchObject({ ok: false, error: { session: 'b', field: 'neighbor' } });
    const apart = checkSettings({ sessions: [session(), session({ name: 'b', source: ip('192.0.2.7') })] });
    expect(apart.ok).toBe(true);
  });
});
