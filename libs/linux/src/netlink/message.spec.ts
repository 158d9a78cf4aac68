import { tryRead, unhex } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NLMSG_DONE, NLMSG_ERROR, encodeMessage, readAcknowledgement, readMessages } from './message.ts';

describe('netlink messages', () => {
  it('come back as they were sent, several to a datagram', () => {
    const one = { type: 20, flags: 5, sequence: 7, payload: Uint8Array.of(1, 2, 3) };
    const two = { type: 21, flags: 5, sequence: 8, payload: new Uint8Array() };
    const datagram = Uint8Array.of(...encodeMessage(one), ...encodeMessage(two));
    expect(tryRead(datagram, readMessages)).toEqual({ ok: true, value: [one, two] });
  });

  it('never fail otherwise than by UnexpectedEnd, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void tryRead(bytes, readMessages)));
  });
});

describe('a netlink acknowledgement', () => {
  const header = '24000000' + '1400' + '0506' + '07000000' + '00000000';
  it.each([
    ['success, capped', NLMSG_ERROR, 0x100, `00000000${header}`, { errno: 0, detail: undefined }],
    // RTM_NEWADDR for a missing interface on Linux 6.18
    [
      'an error with its text, capped',
      NLMSG_ERROR,
      0x300,
      `edffffff${header}1b00010069707634 3a20446576696365206e6f7420666f756e640000`,
      { errno: 19, detail: 'ipv4: Device not found' },
    ],
    [
      'an error with its text behind the request',
      NLMSG_ERROR,
      0x200,
      `eaffffff${header}${'00'.repeat(20)}0800010062616400`,
      { errno: 22, detail: 'bad' },
    ],
    ['an error without text', NLMSG_ERROR, 0x100, `efffffff${header}`, { errno: 17, detail: undefined }],
    ['the end of a dump', NLMSG_DONE, 2, '00000000', { errno: 0, detail: undefined }],
    ['a dump that failed', NLMSG_DONE, 2, 'fdffffff', { errno: 3, detail: undefined }],
    ['an empty end', NLMSG_DONE, 2, '', { errno: 0, detail: undefined }],
  ])('reads %s', (_, type, flags, bytes, expected) => {
    const payload = unhex(bytes);
    const message = { type, flags, sequence: 7, payload };
    expect(tryRead(payload, (reader) => readAcknowledgement(message, reader))).toEqual({ ok: true, value: expected });
  });

  it('refuses an error without a number', () => {
    const message = { type: NLMSG_ERROR, flags: 0, sequence: 7, payload: new Uint8Array(2) };
    expect(tryRead(message.payload, (reader) => readAcknowledgement(message, reader)).ok).toBe(false);
  });
});
