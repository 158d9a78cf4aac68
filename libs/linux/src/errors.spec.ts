import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { LinuxError, isLinuxError } from './index.ts';

describe('a LinuxError', () => {
  it('names the code and what the call was about', () => {
    const error = new LinuxError({ call: 'setsockopt SO_BINDTODEVICE', errno: 19, detail: 'eth9' });
    expect([error.code, error.message]).toEqual(['ENODEV', 'setsockopt SO_BINDTODEVICE: ENODEV (eth9)']);
  });

  it('names the missing capability, when that is why', () => {
    const call = { call: 'socket SOCK_RAW', needs: 'CAP_NET_RAW' } as const;
    expect(new LinuxError({ ...call, errno: constants.errno.EPERM }).message).toContain('CAP_NET_RAW is missing');
    expect(new LinuxError({ ...call, errno: constants.errno.EMFILE }).message).not.toContain('CAP_NET_RAW');
  });

  it.each([
    [11, 'EAGAIN'],
    [95, 'EOPNOTSUPP'],
    [105, 'ENOBUFS'],
    [9999, 'ERRNO_9999'],
  ])('calls %i %s', (errno, code) => {
    expect(new LinuxError({ call: 'x', errno }).code).toBe(code);
  });

  it('is recognised by code', () => {
    const error: unknown = new LinuxError({ call: 'x', errno: constants.errno.EEXIST });
    expect([isLinuxError(error), isLinuxError(error, 'EEXIST'), isLinuxError(error, 'ENOENT')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(isLinuxError(new Error('EEXIST'))).toBe(false);
  });
});
