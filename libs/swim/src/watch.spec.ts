import { instant, seconds } from '@keepfleet/machine';
import { hex, unhex } from '@keepfleet/wire';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SwimOutput } from './messages.ts';
import { OneMember, alive, sent } from './one-member.fixture.ts';
import { decodePacket, encodePacket } from './packet.ts';

describe('a watched member that answers nothing', () => {
  let at: OneMember;

  beforeEach(() => {
    at = new OneMember({ compress: false });
    at.receive(alive('a', 2));
    at.machine.handle({ kind: 'watch', names: ['a'] }, at.now);
  });

  /** The streams opened by the watch: its pings, unlike those of probes, have no digest. */
  function opened(outputs: readonly SwimOutput[]) {
    const pings = sent(outputs, 'ping').flatMap(({ message }) =>
      message.type === 'ping' && message.digest === undefined ? [message.seq] : [],
    );
    return outputs.flatMap((output) => {
      if (output.kind !== 'open-stream') return [];
      const message = decodePacket(unhex(output.data));
      const isPing = message.ok && message.value.type === 'ping' && pings.includes(message.value.seq);
      return isPing ? [{ stream: output.stream, seq: message.value.seq }] : [];
    });
  }

  it('has one ping by TCP open at a time, and another once that is closed', () => {
    const [first, ...more] = opened(at.passUntil(instant(seconds(3))));
    expect([first === undefined, more]).toEqual([false, []]);
    at.machine.handle(
      { kind: 'stream-closed', stream: first?.stream ?? '', reason: 'not done within 10 s', refused: false },
      at.now,
    );
    expect(opened(at.passUntil(instant(seconds(4)))).length).toBe(1);
  });

  it('has no more of them open when it is watched anew again and again', () => {
    let streams = 0;
    for (let second = 1; second <= 6; second++) {
      streams += opened(at.passUntil(instant(seconds(1.4 * second)))).length;
      at.machine.handle({ kind: 'watch', names: [] }, at.now);
      at.machine.handle({ kind: 'watch', names: ['a'] }, at.now);
    }
    expect(streams).toBe(1);
  });

  it('is heard by TCP though other pings were sent since', () => {
    const [first] = opened(at.passUntil(instant(seconds(1.2))));
    const ack = hex(encodePacket({ type: 'ack', seq: first?.seq ?? 0, payload: new Uint8Array() }));
    at.now = instant(seconds(1.2));
    at.machine.handle({ kind: 'stream-data', stream: first?.stream ?? '', data: ack }, at.now);
    // The probe is unanswered and may suspect it; the watch does so no sooner than 1.25 s after the answer.
    at.passUntil(instant(seconds(1.4)));
    expect(at.status('a')).toBe('alive');
  });
});
