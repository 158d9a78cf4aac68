import { ByteWriter, tryRead } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { readProcessEvent } from './process-events.ts';

/** As the kernel 6.1 sends it: struct cn_msg, struct proc_event. */
function message(what: number, ...fields: number[]) {
  const writer = new ByteWriter(64).u32le(1).u32le(1).zeros(8).u16le(40).u16le(0).u32le(what).zeros(12);
  for (const field of fields) writer.u32le(field);
  return writer.finish();
}
const read = (bytes: Uint8Array) => tryRead(bytes, readProcessEvent);

describe('a process event', () => {
  it.each([
    ['fork', message(1, 10, 10, 20, 20), { kind: 'forked', parent: 10, child: 20 }],
    ['a new thread', message(1, 10, 10, 21, 10), undefined],
    ['exec', message(2, 20, 20), { kind: 'changed', pid: 20 }],
    ['another name', message(0x200, 20, 20, 0, 0, 0, 0), { kind: 'changed', pid: 20 }],
    ['exit', message(0x8000_0000, 20, 20, 0, 17), { kind: 'exited', pid: 20 }],
    ['the exit of a thread', message(0x8000_0000, 21, 20, 0, 17), undefined],
    ['the acknowledgement of the request', message(0, 0), undefined],
  ] as const)('of %s is read', (_, bytes, value) => {
    expect(read(bytes)).toEqual({ ok: true, value });
  });

  it('that is cut off is an error, not a throw', () => {
    expect(read(message(1, 10).subarray(0, 30)).ok).toBe(false);
  });
});
