import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { socketAddress } from './address.ts';
import { MessageHeader } from './message-header.ts';

describe('the memory of sendmsg and recvmsg', () => {
  it('gives back the control message that was put in', () => {
    const message = new MessageHeader(100);
    message.prepareSend(16, 20, { level: 0, type: 8, data: Uint8Array.of(1, 2, 3, 4, 5) });
    expect([...message.controlMessages()].map(({ level, type, data }) => [level, type, ...data])).toEqual([
      [0, 8, 1, 2, 3, 4, 5],
    ]);
  });

  it('has no control messages where none were given', () => {
    const message = new MessageHeader(100);
    message.prepareSend(16, 20);
    expect([...message.controlMessages()]).toEqual([]);
    expect(message.truncated).toBe(false);
  });
});

describe('socket addresses', () => {
  it('have the layout of the kernel', () => {
    expect([...socketAddress(ip('192.0.2.1'), 80)]).toEqual([
      2,
      0,
      0,
      80,
      192,
      0,
      2,
      1,
      ...new Array<number>(8).fill(0),
    ]);
    const v6 = socketAddress(ip('fe80::1'), 0x1234, 7);
    expect([v6.length, v6[0], v6[2], v6[3], v6[8], v6[23], v6[24]]).toEqual([28, 10, 0x12, 0x34, 0xfe, 1, 7]);
  });
});
