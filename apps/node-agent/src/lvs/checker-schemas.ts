import { type CheckerSettings, isDnsName } from '@keepfleet/health';
import { z } from 'zod';
import { count, duration, ip, port, span, text } from './values.ts';

const share = z.number().min(0).max(1);
const octets = z.string().regex(/^(?:[0-9a-f]{2})*$/i, 'not pairs of hexadecimal digits');

const schedule = z.object({
  delayLoop: span,
  retry: count,
  delayBeforeRetry: duration,
  warmup: duration,
  alpha: z.boolean(),
  logAllFailures: z.boolean(),
  rise: z.int().positive(),
  latency: z.object({ target: span, leastShare: share }).nullable(),
});
const connection = z.object({
  address: ip,
  port,
  bindAddress: ip.nullable(),
  bindPort: port.nullable(),
  bindInterface: text,
  fwmark: count.nullable(),
  connectTimeout: span,
});
const tls = z
  .object({
    serverName: text,
    verify: z.boolean(),
    authorities: text,
    verifyName: text,
    certificate: text,
    key: text,
    passphrase: text,
    compliant: z.boolean(),
  })
  .nullable();

const status = z.int().min(100).max(599);
const token = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'not a word of HTTP');
const pattern = z
  .object({
    written: z.string().optional(),
    source: z.string(),
    flags: z.string(),
    negate: z.boolean(),
    from: count,
    before: count.nullable(),
  })
  .superRefine(({ source, flags }, context) => {
    try {
      new RegExp(source, flags);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    }
  });
const url = z.object({
  path: z.string(),
  virtualHost: text,
  statusCodes: z.array(z.object({ first: status, last: status })),
  digest: z
    .string()
    .regex(/^[0-9a-f]{32}$/i, 'an MD5 digest has 32 hexadecimal digits')
    .transform((digits) => digits.toLowerCase())
    .nullable(),
  pattern: pattern.nullable(),
  method: token,
  headers: z.array(z.object({ name: token, value: z.string() })),
  body: text,
});

const asked = { schedule, connection };

export const checker: z.ZodType<CheckerSettings> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('tcp'), ...asked }),
  z.object({ kind: z.literal('ping'), ...asked }),
  z.object({
    kind: z.literal('http'),
    ...asked,
    tls,
    protocol: z.enum(['1.0', '1.0C', '1.1', '2']),
    virtualHost: text,
    urls: z.array(url).min(1),
    fastRecovery: z.boolean(),
  }),
  z.object({ kind: z.literal('grpc'), ...asked, tls, service: z.string(), authority: text }),
  z.object({ kind: z.literal('smtp'), ...asked, heloName: z.string() }),
  z.object({
    kind: z.literal('dns'),
    ...asked,
    type: z.int().min(1).max(65_535),
    name: z.string().refine(isDnsName, 'not a domain name'),
    leastAnswers: count,
    answer: text,
  }),
  z.object({
    kind: z.literal('udp'),
    ...asked,
    payload: octets.nullable(),
    reply: z
      .object({
        data: z.string().regex(/^(?:[0-9a-fx]{2})*$/i, 'not pairs of hexadecimal digits or X'),
        minLength: count,
        maxLength: count,
      })
      .nullable(),
  }),
  z.object({
    kind: z.literal('misc'),
    schedule,
    argv: z.array(z.string()).min(1),
    user: z.object({ user: z.string(), group: text }).nullable(),
    timeout: span,
    dynamic: z.boolean(),
    secure: z.boolean(),
  }),
  z.object({
    kind: z.literal('file'),
    schedule,
    name: z.string(),
    path: z.string(),
    weight: z.int().min(-0x7fffffff).max(0x7fffffff),
  }),
  z.object({ kind: z.literal('bfd'), schedule, name: z.string() }),
]);
