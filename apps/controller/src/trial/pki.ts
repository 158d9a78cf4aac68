import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority in a directory of the test, made by openssl. */
export class Authority {
  readonly ca: string;
  readonly #directory: string;
  readonly #name: string;

  constructor(directory: string, name: string) {
    this.#directory = directory;
    this.#name = name;
    this.ca = join(directory, `${name}.pem`);
    this.#openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      this.#path('key'),
      '-out',
      this.ca,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
    );
  }

  issue(commonName: string): Identity {
    const at = (suffix: string) => this.#path(`${commonName}.${suffix}`);
    writeFileSync(at('ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
    this.#openssl('req', ...newKey, '-keyout', at('key'), '-out', at('csr'), '-subj', `/CN=${commonName}`);
    const signing = ['-CA', this.ca, '-CAkey', this.#path('key'), '-set_serial', String(Date.now()), '-days', '2'];
    this.#openssl('x509', '-req', '-in', at('csr'), ...signing, '-extfile', at('ext'), '-out', at('pem'));
    return { cert: at('pem'), key: at('key') };
  }

  #path(suffix: string): string {
    return join(this.#directory, `${this.#name}.${suffix}`);
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
