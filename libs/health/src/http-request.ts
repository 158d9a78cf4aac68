import { asciiBytes, unhex } from '@keepfleet/wire';
import type { HeaderFields } from './messages.ts';
import { type HttpCheckSettings, type UrlSettings, endpoint } from './settings.ts';

/** Begins with the name that keepalived uses, since operators filter their access logs by it. */
export const USER_AGENT = 'KeepAliveClient (keepfleet)';

/** The bytes of one request (RFC 9112 section 3); a plain GET has the form keepalived sends. */
export function encodeRequest(settings: HttpCheckSettings, url: UrlSettings): Uint8Array {
  const version = settings.protocol === '1.1' ? '1.1' : '1.0';
  const body = url.body === null ? undefined : utf8Bytes(url.body);
  const own = new Set(url.headers.map(({ name }) => name.toLowerCase()));
  const lines = [
    `${url.method} ${printable(url.path)} HTTP/${version}`,
    ...(own.has('user-agent') ? [] : [`User-Agent: ${USER_AGENT}`]),
    // A connection serves one request, and HTTP/1.1 would keep it open.
    ...(settings.protocol === '1.0' || own.has('connection') ? [] : ['Connection: close']),
    ...(own.has('host') ? [] : [`Host: ${printable(hostOf(settings, url))}`]),
    ...url.headers.map(({ name, value }) => `${name}: ${fieldValue(value)}`),
    ...(body === undefined || own.has('content-length') ? [] : [`Content-Length: ${body.length}`]),
  ];
  const head = asciiBytes(`${lines.join('\r\n')}\r\n\r\n`);
  return body === undefined ? head : Uint8Array.from([...head, ...body]);
}

/** The same for HTTP/2 (RFC 9113 section 8.3), as fields. */
export function http2Request(
  settings: HttpCheckSettings,
  url: UrlSettings,
): { fields: HeaderFields; body: Uint8Array } {
  return {
    fields: {
      ':method': url.method,
      ':path': printable(url.path),
      ':scheme': settings.tls === null ? 'http' : 'https',
      ':authority': printable(hostOf(settings, url)),
      'user-agent': USER_AGENT,
      ...Object.fromEntries(url.headers.map(({ name, value }) => [name.toLowerCase(), fieldValue(value)])),
    },
    body: url.body === null ? new Uint8Array() : utf8Bytes(url.body),
  };
}

function hostOf(settings: HttpCheckSettings, url: UrlSettings): string {
  return url.virtualHost ?? settings.virtualHost ?? endpoint(settings.connection);
}

/** Percent-encodes what cannot stand in a request line, above all line ends, which would begin a header of their own. */
function printable(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '?').replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
}

/** RFC 9110 section 5.5: visible characters and blanks; others would begin a field of their own. */
function fieldValue(text: string): string {
  return text.replace(/[^\x20-\x7e\t]/gu, '?');
}

function utf8Bytes(text: string): Uint8Array {
  const escaped = encodeURIComponent(text.replace(/\p{Surrogate}/gu, '?'));
  return unhex(
    escaped.replace(/%([0-9A-F]{2})|([^%])/g, (_, code: string | undefined, plain: string | undefined) =>
      code === undefined ? (plain ?? '').charCodeAt(0).toString(16).padStart(2, '0') : code,
    ),
  );
}
