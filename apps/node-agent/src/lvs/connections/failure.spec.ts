import { constants } from 'node:os';
import { LinuxError } from '@keepfleet/linux';
import { describe, expect, it } from 'vitest';
import { tellFailure } from './failure.ts';

function told(error: unknown): string {
  let words = '';
  tellFailure(
    { error: (reason) => (words = `server: ${reason}`), unable: (reason) => (words = `node: ${reason}`) },
    error,
  );
  return words;
}

const linux = (code: keyof typeof constants.errno) => new LinuxError({ call: 'connect', errno: constants.errno[code] });

describe('a connection that fails', () => {
  it.each(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'EACCES'] as const)(
    'by %s is a failure of the server',
    (code) => expect(told(linux(code))).toMatch(/^server: /),
  );

  it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'] as const)('by %s is a shortage of this node', (code) =>
    expect(told(linux(code))).toMatch(/^node: this (?:node|process) has no /),
  );

  it('by a certificate of another name says so', () => {
    const error = Object.assign(new Error('Host: a. is not cert’s CN: b'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(told(error)).toMatch(/^server: has a certificate of another name/);
  });
});
