import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { errorText } from '../error-text.ts';

export interface TlsFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Mutual TLS from PEM files. Throws an Error that names the file and what to do about it. */
export function tlsCredentials(files: TlsFiles, now = new Date()): ChannelCredentials {
  const ca = pem('ca', files.ca);
  const certificate = pem('certificate', files.certificate);
  const key = pem('key', files.key);
  x509('ca', files.ca, ca);
  const own = x509('certificate', files.certificate, certificate);
  const [from, to] = [new Date(own.validFrom), new Date(own.validTo)];
  // The controller would only drop the connection, and say nothing that gets through to here. An authority may have
  // expired: in a bundle another one goes on.
  if (to < now)
    throw new Error(
      `tls.certificate: ${files.certificate} has expired on ${to.toISOString()}: renew it, or set the clock`,
    );
  if (from > now)
    throw new Error(
      `tls.certificate: ${files.certificate} is not valid before ${from.toISOString()}: set the clock of this node`,
    );
  try {
    return credentials.createSsl(ca, key, certificate);
  } catch (error) {
    throw new Error(
      `tls: ${files.certificate} and ${files.key} cannot be used together (${errorText(error)}): the key must be the certificate's own, in PEM`,
      { cause: error },
    );
  }
}

function pem(setting: keyof TlsFiles, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Error(
      `tls.${setting}: ${file} cannot be read (${errorText(error)}): put it there, readable for the agent`,
      {
        cause: error,
      },
    );
  }
}

function x509(setting: keyof TlsFiles, file: string, bytes: Buffer): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch (error) {
    throw new Error(`tls.${setting}: ${file} holds no PEM certificate (${errorText(error)}): was it written whole?`, {
      cause: error,
    });
  }
}
