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

const linux = (code: keyof typeof constants.errno, call = 'connect') =>
  new LinuxError({ call, errno: constants.errno[code] });

describe('a connection that fails', () => {
  it.each(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EACCES'] as const)(
    'by %s is a failure of the server',
    (code) => expect(told(linux(code))).toMatch(/^server: /),
  );

  it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'] as const)('by %s is a shortage of this node', (code) =>
    expect(told(linux(code))).toMatch(/^node: this (?:node|process) has no /),
  );

  it.each(['EADDRNOTAVAIL', 'EAGAIN'] as const)('by %s of connect(2) is a shortage of ports', (code) =>
    expect(told(linux(code))).toMatch(/^node: this node has no free port .*ip_local_port_range/),
  );

  it('by a bindto address that this node does not have is told as a failure, as keepalived has it', () =>
    expect(told(linux('EADDRNOTAVAIL', 'bind'))).toMatch(/^server: cannot be asked from the bindto address/));

  it('by a certificate of another name says so', () => {
    const error = Object.assign(new Error('Host: a. is not cert’s CN: b'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(told(error)).toMatch(/^server: has a certificate of another name/);
  });
});
