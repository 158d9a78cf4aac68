import { familyOf } from '@keepfleet/wire';
import type { CheckerEnvironment, Conversation } from './conversation.ts';
import { DnsQuery } from './dns.ts';
import { Exchange, Http2Exchange } from './exchange.ts';
import { GrpcHealthCall } from './grpc.ts';
import { encodeRequest, http2Request } from './http-request.ts';
import { Ping } from './ping.ts';
import type { ConnectedCheckSettings } from './settings.ts';
import { SmtpDialogue } from './smtp.ts';
import { UdpExchange } from './udp.ts';

/** What is said over one connection; of an HTTP check that for one of its urls. Undefined where the connection alone counts. */
export function conversationOf(
  settings: ConnectedCheckSettings,
  part: number,
  environment: CheckerEnvironment,
): Conversation | undefined {
  switch (settings.kind) {
    case 'tcp':
      return undefined;
    case 'http': {
      const url = settings.urls[part];
      if (url === undefined) return undefined;
      if (settings.protocol !== '2') return new Exchange(encodeRequest(settings, url), url, environment);
      const { fields, body } = http2Request(settings, url);
      return new Http2Exchange(fields, body, url, environment);
    }
    case 'grpc':
      return new GrpcHealthCall(settings);
    case 'smtp':
      return new SmtpDialogue(settings);
    case 'dns':
      return new DnsQuery(settings, environment.random);
    case 'udp':
      return new UdpExchange(settings);
    case 'ping':
      return new Ping(familyOf(settings.connection.address), environment.random);
  }
}
