import { type Family, type IpAddress, asciiBytes, familyOf } from '@keepfleet/wire';
import type { HttpCheckSettings, UrlSettings } from './settings.ts';

/** Begins with the name that keepalived uses, since operators filter their access logs by it. */
const USER_AGENT = 'KeepAliveClient (keepfleet)';

/** The bytes of one GET (RFC 9112 section 3), in the form keepalived sends. */
export function encodeRequest(settings: HttpCheckSettings, url: UrlSettings): Uint8Array {
  const { address, port } = settings.connection;
  const host = url.virtualHost ?? settings.virtualHost ?? authority(address, port, familyOf(address));
  const version = settings.protocol === '1.1' ? '1.1' : '1.0';
  const lines = [
    `GET ${printable(url.path)} HTTP/${version}`,
    `User-Agent: ${USER_AGENT}`,
    // A connection serves one request, and HTTP/1.1 would keep it open.
    ...(settings.protocol === '1.0' ? [] : ['Connection: close']),
    `Host: ${printable(host)}`,
  ];
  return asciiBytes(`${lines.join('\r\n')}\r\n\r\n`);
}

function authority(address: IpAddress, port: number, family: Family): string {
  return family === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Percent-encodes what cannot stand in a request line, above all line ends, which would begin a header of their own. */
function printable(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '?').replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
}
