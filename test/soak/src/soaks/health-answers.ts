import { createHash } from 'node:crypto';
import {
  type ConnectedCheckSettings,
  ResponseReader,
  type ScheduleSettings,
  conversationOf,
  describeFailure,
} from '@keepfleet/health';
import { seconds } from '@keepfleet/machine';
import { fuzz } from '@keepfleet/testkit';
import { asciiBytes, ip, unhex } from '@keepfleet/wire';
import type { Soak } from '../soak.ts';

const schedule: ScheduleSettings = {
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
  address: ip('192.0.2.10'),
  port: 80,
  bindAddress: null,
  bindPort: null,
  bindInterface: null,
  fwmark: null,
  connectTimeout: seconds(5),
};
const http = {
  kind: 'http',
  schedule,
  connection,
  tls: null,
  protocol: '1.1',
  virtualHost: null,
  urls: [
    {
      path: '/',
      virtualHost: null,
      statusCodes: [],
      digest: '900150983cd24fb0d6963f7d28e17f72',
      pattern: { source: 'b', flags: '', negate: false, from: 0, before: null },
      method: 'GET',
      headers: [],
      body: null,
    },
  ],
  fastRecovery: false,
} as const;
const checks: readonly ConnectedCheckSettings[] = [
  http,
  { ...http, protocol: '2' },
  { kind: 'smtp', schedule, connection, heloName: 'x' },
  { kind: 'dns', schedule, connection, type: 1, name: 'x', leastAnswers: 1, answer: '192.0.2.7' },
  { kind: 'udp', schedule, connection, payload: null, reply: { data: '00xx', minLength: 0, maxLength: 9 } },
  { kind: 'ping', schedule, connection },
  { kind: 'grpc', schedule, connection, tls: null, service: '', authority: null },
];
const environment = {
  random: () => 0.5,
  md5: () => {
    const hash = createHash('md5');
    return { update: (bytes: Uint8Array) => void hash.update(bytes), hex: () => hash.digest('hex') };
  },
  search: ({ source }: { readonly source: string }, text: string) => text.indexOf(source),
};
/** Answers come in pieces of this size, so that every cut is met. */
const PIECE = 7;

const vectors = [
  asciiBytes('220-mail\r\n220 mail\r\n250 x\r\n221 y\r\n'),
  unhex('800085800001000100000000' + '0177076578616d706c650000010001' + 'c00c00010001000000000004c0000207'),
  unhex('00000000020801'),
  asciiBytes('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'),
  asciiBytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nA: b\r\n\r\n'),
];

export const soak: Soak = {
  about: 'answers of servers that are checked (HTTP, SMTP, DNS, UDP, ICMP, gRPC), mutated, into their readers',
  count: 1_000_000,
  unit: 'inputs',
  run: (task) => {
    let good = 0;
    let passed = 0;
    const { slowest } = fuzz({
      ...task,
      vectors,
      decode: (bytes) => {
        for (const check of checks) {
          const conversation = conversationOf(check, 0, environment);
          conversation?.head?.(200, { 'content-type': 'application/grpc' });
          const step = conversation?.data(bytes);
          conversation?.trailers?.({ 'grpc-status': '0' });
          const end = step?.kind === 'judged' ? step.judgement : conversation?.closed();
          // Words of any answer can be told.
          if (end?.ok === false) describeFailure(end.error);
          else if (check.kind === 'http') passed++;
        }
        const reader = new ResponseReader(() => undefined);
        for (let at = 0; at < bytes.length; at += PIECE) if (!reader.push(bytes.subarray(at, at + PIECE)).ok) return;
        if (reader.end().ok) good++;
      },
      clock: () => performance.now(),
    });
    return { 'whole HTTP answers': good, 'checks of a page passed': passed, 'slowest ms': slowest.toFixed(2) };
  },
};
