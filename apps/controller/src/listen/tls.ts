import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { TlsFiles } from '../options.ts';

/** What the files held together. */
export interface TlsPem {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer;
}

/** Files are looked at once in so much time at most, however many connect. */
const LOOK_EVERY_MS = 1_000;

/**
 * Certificate, key and authority from their files, read anew once one of them has changed: certificates are short-lived,
 * and a renewed one is to count without a restart. New files that cannot be used together, such as a certificate whose key
 * is not written yet, change nothing; they are told once, and looked at again with the next connection.
 */
export class RenewedTls {
  readonly #files: TlsFiles;
  readonly #log: { info(message: string): void; error(message: string): void };
  #pem: TlsPem;
  /** Of the files that `pem` is from. */
  #stamp: string;
  /** What was told last of files that cannot be used. */
  #told = '';
  #lookedAt = performance.now();

  /** Throws when the files cannot be read or used. */
  constructor(files: TlsFiles, log: { info(message: string): void; error(message: string): void }) {
    this.#files = files;
    this.#log = log;
    this.#stamp = stampOf(files);
    this.#pem = read(files);
  }

  /** For a connection that begins now; the same object for as long as nothing has changed. */
  current(): TlsPem {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_EVERY_MS) return this.#pem;
    this.#lookedAt = now;
    const { cert } = this.#files;
    const stamp = stampOf(this.#files);
    if (stamp === this.#stamp) return this.#pem;
    try {
      this.#pem = read(this.#files);
      this.#stamp = stamp;
      this.#told = '';
      this.#log.info(`TLS: ${cert} and what belongs to it are renewed; new connections use them`);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      // What kept them from being read may be over without any change of theirs, so they are read again; it is told once.
      if (this.#told === `${stamp} ${why}`) return this.#pem;
      this.#told = `${stamp} ${why}`;
      this.#log.error(
        `TLS: ${cert}, its key or its authority has changed and cannot be used: ${why}. What was read before stays in use ` +
          'until the files are right, and is lost at a restart',
      );
    }
    return this.#pem;
  }
}

function read({ cert, key, clientCa }: TlsFiles): TlsPem {
  const pem = { cert: readFileSync(cert), key: readFileSync(key), clientCa: readFileSync(clientCa) };
  createSecureContext({ cert: pem.cert, key: pem.key, ca: pem.clientCa });
  return pem;
}

/** Another text as soon as a file was written or replaced. */
function stampOf(files: TlsFiles): string {
  return [files.cert, files.key, files.clientCa]
    .map((path) => {
      try {
        const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
        return `${dev}/${ino}/${size}/${mtimeMs}/${ctimeMs}`;
      } catch (error) {
        // Reading tells it.
        return error instanceof Error && 'code' in error ? String(error.code) : 'none';
      }
    })
    .join(' ');
}
