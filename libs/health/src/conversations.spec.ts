import { asciiBytes, ip, latin1Text, unhex } from '@keepfleet/wire';
import { seconds } from '@keepfleet/machine';
import { fuzz } from '@keepfleet/testkit';
import { describe, expect, it } from 'vitest';
import {
  type ConnectedCheckSettings,
  type Conversation,
  DNS_TYPES,
  ResponseReader,
  type Step,
  conversationOf,
  decodeAnswers,
  describeFailure,
  encodeQuery,
} from './index.ts';

const schedule = {
  delayLoop: seconds(10),
  retry: 1,
  delayBeforeRetry: seconds(3),
  warmup: seconds(10),
  alpha: false,
  logAllFailures: false,
  rise: 1,
  latency: null,
};
const connection = {
  address: ip('192.168.1.10'),
  port: 80,
  bindAddress: null,
  bindPort: null,
  bindInterface: null,
  fwmark: null,
  connectTimeout: seconds(5),
};
const environment = {
  random: () => 0.5,
  md5: () => ({ update: () => undefined, hex: () => '' }),
  search: () => -1,
};

function talk(settings: ConnectedCheckSettings): Conversation {
  const conversation = conversationOf(settings, 0, environment);
  if (conversation === undefined) throw new Error('nothing to talk about');
  return conversation;
}

/** A step in one line. */
function text(step: Step | undefined): string {
  if (step === undefined) return 'no step';
  if (step.kind === 'say') return `says ${latin1Text(step.bytes).trim()}`;
  if (step.kind !== 'judged') return step.kind;
  const { judgement } = step;
  return judgement.ok ? `good: ${judgement.value}` : `bad: ${describeFailure(judgement.error)}`;
}

describe('SMTP_CHECK', () => {
  const smtp = () => talk({ kind: 'smtp', schedule, connection, heloName: 'l1.example' });
  const hear = (conversation: Conversation, line: string) => text(conversation.data(asciiBytes(line)));

  it('greets and leaves', () => {
    const conversation = smtp();
    expect(text(conversation.begin())).toBe('wait');
    expect(hear(conversation, '220-mail\r\n22')).toBe('wait');
    expect(hear(conversation, '0 mail ready\r\n')).toBe('says HELO l1.example');
    expect(hear(conversation, '250 hello\r\n')).toBe('says QUIT');
    expect(hear(conversation, '221 bye\r\n')).toBe('good: answered HELO and QUIT');
  });

  it.each([
    ['421 too busy\r\n', 'bad: answered "421 too busy" to the connection, want 220'],
    ['HTTP/1.1 400 Bad\r\n', 'bad: answered something to the connection that is not SMTP'],
    ['x'.repeat(5_000), 'bad: answered something to the connection that is not SMTP'],
  ])('fails by %j', (line, expected) => {
    expect(hear(smtp(), line)).toBe(expected);
  });

  it('fails by a refused HELO', () => {
    const conversation = smtp();
    hear(conversation, '220 mail\r\n');
    expect(hear(conversation, '550 go away\r\n')).toBe('bad: answered "550 go away" to HELO, want 250');
  });
});

describe('DNS_CHECK', () => {
  const settings = { kind: 'dns', schedule, connection, type: DNS_TYPES.A, name: 'w.example' } as const;
  const dns = (leastAnswers = 0, answer: string | null = null) => talk({ ...settings, leastAnswers, answer });
  /** Of dnsmasq 2.90: w.example. A 192.0.2.7, with the identifier of random 0.5. */
  const good = unhex(
    '800085800001000100000000' + '0177076578616d706c650000010001' + 'c00c00010001000000000004c0000207',
  );
  const refused = unhex('800081850001000000000000' + '0177076578616d706c650000010001');

  it('asks as RFC 1035 says', () => {
    expect(dns().begin()).toEqual({
      kind: 'say',
      bytes: unhex('800001000001000000000000' + '0177076578616d706c650000010001'),
    });
    expect(encodeQuery(1, '', 6)).toEqual(unhex('0001010000010000000000000000060001'));
  });

  it('takes any answer without an error', () => {
    expect(text(dns().data(good))).toBe('good: answered');
    expect(text(dns().data(unhex('800081800001000000000000')))).toBe('good: answered');
  });

  it('waits on for the answer to its own question', () => {
    expect(text(dns().data(unhex('800185800001000000000000')))).toBe('wait');
    expect(text(dns().data(unhex('8000')))).toBe('wait');
    expect(text(dns().data(unhex('800001000001000000000000')))).toBe('wait');
  });

  it('fails by an error', () => {
    expect(text(dns().data(refused))).toBe('bad: answered REFUSED');
  });

  it('looks at the records where that is asked for', () => {
    expect(text(dns(1).data(good))).toBe('good: answered 192.0.2.7');
    expect(text(dns(2).data(good))).toBe('bad: answered with 1 records, want 2');
    expect(text(dns(0, '192.0.2.7').data(good))).toBe('good: answered 192.0.2.7');
    const truncated = good.slice();
    truncated[2] = 0x87;
    expect(text(dns(1).data(truncated))).toBe('good: answered 192.0.2.7');
    for (const cut of [truncated, truncated.subarray(0, -2)])
      expect(text(dns(2).data(cut))).toMatch(/^bad: answered with more records than a datagram holds/);
    expect(text(dns(0, '192.0.2.8').data(good))).toBe('bad: answered 192.0.2.7, want 192.0.2.8');
    expect(text(dns(1).data(good.subarray(0, 40)))).toMatch(/^bad: answered something that is not DNS/);
  });

  it('follows no pointer in a circle', () => {
    const circle = unhex('800085800001000100000000' + 'c00c00010001');
    expect(decodeAnswers(circle)).toEqual({ ok: false, error: { kind: 'bad-name' } });
  });
});

describe('UDP_CHECK', () => {
  const udp = (data: string | undefined, minLength = 0, maxLength = 255) =>
    talk({
      kind: 'udp',
      schedule,
      connection,
      payload: '70696e67',
      reply: data === undefined ? null : { data, minLength, maxLength },
    });

  it('takes silence for success unless a reply is required', () => {
    expect(udp(undefined).silence?.()).toMatchObject({ ok: true });
    expect(udp('').silence?.()).toBeUndefined();
  });

  it.each([
    ['', '00', 'good: replied'],
    ['706f6e67', '706f6e67', 'good: replied'],
    ['706x6e67', '706f6e67', 'good: replied'],
    // keepalived compares no more than there is.
    ['706f6e67', '706f', 'good: replied'],
    ['706f6e67', '706f6e67ff', 'good: replied'],
    ['706f6e67', '706f7067', 'bad: replied something else than wanted: octet 2 is 0x70'],
  ])('wants %j, gets %j', (want, got, expected) => {
    const conversation = udp(want);
    expect(text(conversation.begin())).toBe('says ping');
    expect(text(conversation.data(unhex(got)))).toBe(expected);
  });

  it('looks at the length', () => {
    expect(text(udp('70', 3).data(unhex('7070')))).toBe(
      'bad: replied something else than wanted: 2 octets, want 3 to 255',
    );
  });
});

describe('PING_CHECK', () => {
  it.each([
    ['192.168.1.10', '08', '00'],
    ['fd00::10', '80', '81'],
  ])('to %s waits for the reply to its own request', (address, request, reply) => {
    const ping = talk({ kind: 'ping', schedule, connection: { ...connection, address: ip(address) } });
    const step = ping.begin();
    expect(step).toMatchObject({ kind: 'say' });
    if (step.kind === 'say') expect([step.bytes[0], step.bytes.length]).toEqual([parseInt(request, 16), 64]);
    expect(text(ping.data(unhex(`${reply}00000000008001`)))).toBe('wait');
    expect(text(ping.data(unhex(`${reply}00000000008000`)))).toBe('good: answered an echo request');
  });
});

describe('GRPC_CHECK', () => {
  const grpc = (service = '') => talk({ kind: 'grpc', schedule, connection, tls: null, service, authority: null });
  const answered = (message: string, trailers: Readonly<Record<string, string>> = { 'grpc-status': '0' }) => {
    const call = grpc();
    call.head?.(200, { 'content-type': 'application/grpc' });
    call.data(unhex(message));
    return text(call.trailers?.(trailers));
  };

  it('asks for a service', () => {
    const step = grpc('a.b').begin();
    expect(step).toMatchObject({
      kind: 'request',
      fields: { ':path': '/grpc.health.v1.Health/Check', te: 'trailers' },
    });
    if (step.kind === 'request') expect(step.body).toEqual(unhex('00000000050a03612e62'));
  });

  it.each([
    ['00000000020801', 'good: says that it is SERVING'],
    ['00000000020802', 'bad: says that it is NOT_SERVING'],
    ['0000000000', 'bad: says that it is UNKNOWN'],
    ['000000000708011203616263', 'good: says that it is SERVING'],
    ['01000000020801', 'bad: answered something that is not gRPC: its message is no HealthCheckResponse'],
    ['000000000208', 'bad: answered something that is not gRPC: its message is no HealthCheckResponse'],
  ])('judges the message %s', (message, expected) => {
    expect(answered(message)).toBe(expected);
  });

  it('judges the status', () => {
    expect(answered('', { 'grpc-status': '12' })).toBe('bad: answered with gRPC status UNIMPLEMENTED');
    expect(answered('', {})).toBe('bad: answered something that is not gRPC: it has no status');
    expect(text(grpc().head?.(404, {}))).toBe('bad: answered 404, want 200');
    expect(text(grpc().head?.(200, { 'content-type': 'text/html' }))).toMatch(/its content type is text\/html/);
  });
});

describe('any bytes', () => {
  const settings: readonly ConnectedCheckSettings[] = [
    { kind: 'smtp', schedule, connection, heloName: 'x' },
    { kind: 'dns', schedule, connection, type: 1, name: 'x', leastAnswers: 1, answer: null },
    { kind: 'udp', schedule, connection, payload: null, reply: { data: '00xx', minLength: 0, maxLength: 9 } },
    { kind: 'ping', schedule, connection },
    { kind: 'grpc', schedule, connection, tls: null, service: '', authority: null },
  ];
  const vectors = [
    asciiBytes('220-mail\r\n220 mail\r\n250 x\r\n221 y\r\n'),
    unhex('800085800001000100000000' + '0177076578616d706c650000010001' + 'c00c00010001000000000004c0000207'),
    unhex('00000000020801'),
  ];

  it.each(settings.map((one) => [one.kind, one] as const))('lead %s to a step', (_, one) => {
    const decode = (bytes: Uint8Array) => {
      const conversation = talk(one);
      conversation.head?.(200, { 'content-type': 'application/grpc' });
      conversation.data(bytes);
      conversation.trailers?.({ 'grpc-status': '0' });
      conversation.ended?.();
      return conversation.closed();
    };
    expect(fuzz({ vectors, decode, count: 2_000, seed: 1 }).inputs).toBe(2_000);
  });

  it('lead a reader of HTTP to an answer or an error', () => {
    const decode = (bytes: Uint8Array) => {
      const reader = new ResponseReader(() => undefined);
      for (let at = 0; at < bytes.length; at += 7) if (!reader.push(bytes.subarray(at, at + 7)).ok) return;
      reader.end();
    };
    const http = [
      asciiBytes('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'),
      asciiBytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nA: b\r\n\r\n'),
    ];
    expect(fuzz({ vectors: http, decode, count: 2_000, seed: 1 }).inputs).toBe(2_000);
  });
});
