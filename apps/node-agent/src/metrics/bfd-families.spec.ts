import { millis } from '@keepfleet/machine';
import { discardKinds } from '@keepfleet/bfd';
import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { bfdFamilies } from './bfd-families.ts';
import { familyText } from './family.ts';

const text = (snapshot: Parameters<typeof bfdFamilies>[0]) => bfdFamilies(snapshot).map(familyText).join('');

const discarded = Object.fromEntries(discardKinds.map((kind) => [kind, 0])) as Record<
  (typeof discardKinds)[number],
  number
>;

describe('the metrics of BFD', () => {
  it('are none where there is none', () => {
    expect(text(undefined)).toBe('');
  });

  it('tell each session and what was discarded', () => {
    const interval = millis(10);
    const told = text({
      sessions: [
        {
          name: 'to "B"',
          neighbor: ip('192.0.2.2'),
          hops: 'single',
          passive: false,
          state: 'up',
          since: 1_500,
          diagnostic: 0,
          remoteState: 'up',
          remoteDiagnostic: 0,
          localDiscriminator: 1,
          remoteDiscriminator: 2,
          detectMult: 5,
          remoteDetectMult: 5,
          desiredMinTx: interval,
          requiredMinRx: interval,
          remoteMinTx: interval,
          remoteMinRx: interval,
          transmitInterval: interval,
          detectionTime: millis(50),
          polling: false,
          counters: {
            packetsReceived: 0,
            packetsSent: 7,
            up: 1,
            down: 0,
            pollsStarted: 0,
            pollsFinished: 0,
            discarded,
          },
        },
      ],
      discarded,
    });
    const labels = String.raw`{session="to \"B\"",neighbor="192.0.2.2"}`;
    for (const line of ['state', 'state_since_seconds', 'detection_seconds', 'packets_sent_total', 'up_total'].map(
      (name, i) => `keepfleet_bfd_session_${name}${labels} ${[3, 1.5, 0.05, 7, 1][i]}\n`,
    ))
      expect(told).toContain(line);
    expect(told.match(/^keepfleet_bfd_packets_discarded_total\{reason="/gm)).toHaveLength(discardKinds.length);
  });
});
