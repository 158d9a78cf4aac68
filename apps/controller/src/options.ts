import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { err, ok, type Result } from '@keepfleet/wire';
import { z } from 'zod';
import { addressText, isLocal, parseListenAddress, type ListenAddress } from './listen/address.ts';

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
}

export interface Options {
  readonly name: string;
  /** The agent link; without TLS only on loopback and only when asked for. */
  readonly agentListen: ListenAddress;
  readonly agentTls: TlsFiles | undefined;
  /** The fleet API over gRPC. */
  readonly apiListen: ListenAddress;
  /** The same over REST. */
  readonly restListen: ListenAddress;
  /** For both APIs beyond loopback; people's certificates come from an authority of their own. */
  readonly apiTls: TlsFiles | undefined;
  readonly stateDir: string;
  /** Milliseconds between two heartbeats of an agent; after three without a word its state is stale. */
  readonly heartbeatMs: number;
  /** Events kept in the log; older ones are removed. */
  readonly keepEvents: number;
  readonly logLevel: string;
}

export type Invocation =
  { readonly kind: 'run'; readonly options: Options } | { readonly kind: 'help' } | { readonly kind: 'version' };

export const helpText = `Usage: keepfleet-controller [OPTION]...

Sees and changes a fleet of keepfleet agents as one system.

  --name NAME                 name of this controller (default: the host name)
  --agent-listen ADDRESS      where agents connect, gRPC (default: 127.0.0.1:7443)
  --tls-cert FILE             certificate of this controller, PEM
  --tls-key FILE              its private key, PEM
  --tls-client-ca FILE        authority whose certificates agents show, PEM
  --insecure-plaintext        agent link without TLS; loopback only
  --api-listen ADDRESS        fleet API, gRPC (default: 127.0.0.1:7481)
  --rest-listen ADDRESS       fleet API, REST (default: 127.0.0.1:7480)
  --api-client-ca FILE        authority whose certificates people show, PEM;
                              needed for either API beyond loopback
  --state-dir DIRECTORY       the store (default: /var/lib/keepfleet-controller)
  --heartbeat-interval TIME   "2s", "500ms": how often agents say that they are
                              there; silent for three, state is stale (default: 2s)
  --keep-events NUMBER        events kept in the log (default: 1000000)
  --log-level LEVEL           debug, info, warn or error (default: info)
  --version, --help

ADDRESS is 192.0.2.1:7443, [2001:db8::1]:7443 or unix:/PATH. Every option can be
given in the environment instead: --state-dir is KEEPFLEET_STATE_DIR.
`;

const flags = {
  name: { type: 'string' },
  'agent-listen': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-client-ca': { type: 'string' },
  'insecure-plaintext': { type: 'boolean' },
  'api-listen': { type: 'string' },
  'rest-listen': { type: 'string' },
  'api-client-ca': { type: 'string' },
  'state-dir': { type: 'string' },
  'heartbeat-interval': { type: 'string' },
  'keep-events': { type: 'string' },
  'log-level': { type: 'string' },
  version: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

const path = z.string().min(1, 'is empty');

const address = z.string().transform((text, context): ListenAddress => {
  const parsed = parseListenAddress(text);
  if (parsed.ok) return parsed.value;
  context.addIssue({ code: 'custom', message: `${parsed.error}, not "${text}"` });
  return z.NEVER;
});

const milliseconds = z.string().transform((text, context): number => {
  const match = /^(\d{1,7})(ms|s)$/.exec(text);
  const value = Number(match?.[1]) * (match?.[2] === 's' ? 1000 : 1);
  if (match !== null && value >= 50 && value <= 600_000) return value;
  context.addIssue({ code: 'custom', message: `write a time from 50ms to 600s, not "${text}"` });
  return z.NEVER;
});

const schema = z.object({
  name: z
    .string()
    .regex(/^[\w.:-]{1,253}$/, 'is 1 to 253 letters, digits and . : _ -')
    .default(() => hostname()),
  'agent-listen': address.prefault('127.0.0.1:7443'),
  'tls-cert': path.optional(),
  'tls-key': path.optional(),
  'tls-client-ca': path.optional(),
  'insecure-plaintext': z.boolean().default(false),
  'api-listen': address.prefault('127.0.0.1:7481'),
  'rest-listen': address.prefault('127.0.0.1:7480'),
  'api-client-ca': path.optional(),
  'state-dir': path.default('/var/lib/keepfleet-controller'),
  'heartbeat-interval': milliseconds.prefault('2s'),
  'keep-events': z.coerce.number('is not a number').int().min(1000, 'is at least 1000').default(1_000_000),
  'log-level': z.enum(['debug', 'info', 'warn', 'error'], 'is debug, info, warn or error').default('info'),
});

/** What the command line and the environment ask for, or one line a mistake. */
export function parseOptions(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Result<Invocation, string[]> {
  const { tokens } = parseArgs({
    args: [...argv],
    options: flags,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const mistakes: string[] = [];
  const values: Record<string, unknown> = { ...fromEnvironment(environment) };
  for (const token of tokens) {
    if (token.kind === 'positional') mistakes.push(`unexpected argument "${token.value}"`);
    if (token.kind !== 'option') continue;
    const flag = Object.entries(flags).find(([name]) => name === token.name)?.[1];
    if (flag === undefined) mistakes.push(`unknown option ${token.rawName}`);
    else if (flag.type === 'boolean' && token.value !== undefined) mistakes.push(`${token.rawName} takes no value`);
    else if (flag.type === 'string' && token.value === undefined) mistakes.push(`${token.rawName} needs a value`);
    else values[token.name] = flag.type === 'boolean' ? true : token.value;
  }
  if (mistakes.length > 0) return err(mistakes);
  if (values['help'] === true) return ok({ kind: 'help' });
  if (values['version'] === true) return ok({ kind: 'version' });
  const parsed = schema.safeParse(values);
  if (!parsed.success) return err(parsed.error.issues.map((issue) => `--${issue.path.join('.')}: ${issue.message}`));
  return resolve(parsed.data);
}

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const text = environment[`KEEPFLEET_${name.replaceAll('-', '_').toUpperCase()}`];
    if (text === undefined || text === '') continue;
    values[name] = flag.type === 'boolean' ? text === 'true' || text === '1' : text;
  }
  return values;
}

/** Which listener has TLS follows from the addresses and the files; plain text never leaves the machine. */
function resolve(flags: z.infer<typeof schema>): Result<Invocation, string[]> {
  const mistakes: string[] = [];
  const cert = flags['tls-cert'];
  const key = flags['tls-key'];
  const clientCa = flags['tls-client-ca'];
  const agentTls =
    cert !== undefined && key !== undefined && clientCa !== undefined ? { cert, key, clientCa } : undefined;
  if (flags['insecure-plaintext']) {
    if (!isLocal(flags['agent-listen'])) {
      mistakes.push(`--insecure-plaintext: only on loopback, and ${addressText(flags['agent-listen'])} is not`);
    }
    if (clientCa !== undefined) mistakes.push('--insecure-plaintext: contradicts --tls-client-ca');
  } else if (agentTls === undefined) {
    const missing = ['tls-cert', 'tls-key', 'tls-client-ca'].filter((name) => Reflect.get(flags, name) === undefined);
    mistakes.push(`the agent link is mutual TLS: ${missing.map((name) => `--${name}`).join(', ')} missing`);
  }
  const apiCa = flags['api-client-ca'];
  const apiTls =
    apiCa !== undefined && cert !== undefined && key !== undefined ? { cert, key, clientCa: apiCa } : undefined;
  for (const name of ['api-listen', 'rest-listen'] as const) {
    if (isLocal(flags[name]) || apiTls !== undefined) continue;
    mistakes.push(`--${name}: beyond loopback it is mutual TLS, which needs --tls-cert, --tls-key and --api-client-ca`);
  }
  if (mistakes.length > 0) return err(mistakes);
  return ok({
    kind: 'run',
    options: {
      name: flags.name,
      agentListen: flags['agent-listen'],
      agentTls: flags['insecure-plaintext'] ? undefined : agentTls,
      apiListen: flags['api-listen'],
      restListen: flags['rest-listen'],
      apiTls,
      stateDir: flags['state-dir'],
      heartbeatMs: flags['heartbeat-interval'],
      keepEvents: flags['keep-events'],
      logLevel: flags['log-level'],
    },
  });
}
