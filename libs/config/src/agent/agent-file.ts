import { type Document, LineCounter, isMap, isNode, isScalar, isSeq, parseDocument } from 'yaml';
import { z } from 'zod';
import type { Position } from '../diagnostics.ts';
import { endpointWithPort, readEndpoint } from './endpoint.ts';
import { snmpSettings } from './snmp-settings.ts';

/** serf's port, for UDP and TCP. */
export const DEFAULT_GOSSIP_PORT = 7946;

export const DEFAULT_METRICS_PORT = 9650;

/** One thing wrong with an agent.yaml: where in the file, and in which setting. */
export interface AgentFileProblem extends Position {
  readonly kind: 'bad-yaml' | 'bad-setting' | 'unknown-setting';
  /** Such as `controller.addresses[0]`; empty for the file as a whole. */
  readonly setting: string;
  readonly message: string;
}

export type AgentFileResult =
  | { readonly ok: true; readonly value: AgentFile }
  | { readonly ok: false; readonly problems: readonly AgentFileProblem[] };

const MAX_NODE_NAME = 128;
const NODE_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
/** A host name; what is all digits and dots is an address written wrong. */
const SEED_NAME = /^(?![\d.]+(?::|$))([A-Za-z\d](?:[A-Za-z\d.-]*[A-Za-z\d])?)(?::(\d{1,5}))?$/;
const LABEL_NAME = /^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$/;

const path = z.string().startsWith('/', 'expected an absolute path');
const nodeName = z.string().max(MAX_NODE_NAME).regex(NODE_NAME, 'expected letters, digits, ".", "_" and "-"');

const endpoint = endpointWithPort(DEFAULT_GOSSIP_PORT);

/** The same, or a name in place of the address. */
const seed = z.string().transform((text, context): { host: string; port: number } => {
  const found = readEndpoint(text, DEFAULT_GOSSIP_PORT);
  if (found !== undefined) return { host: found.address, port: found.port };
  const [, name, digits] = SEED_NAME.exec(text) ?? [];
  const port = digits === undefined ? DEFAULT_GOSSIP_PORT : Number(digits);
  if (name !== undefined && port >= 1 && port <= 65_535) return { host: name, port };
  context.addIssue({
    code: 'custom',
    message: `found "${text}", expected an IP address or a name, with :PORT if need be`,
  });
  return z.NEVER;
});

const hostAndPort = z.string().regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+):\d{1,5}$/, 'expected HOST:PORT');

const controller = z
  .strictObject({
    addresses: z.array(hostAndPort).min(1).describe('HOST:PORT of each controller, tried in turn.'),
    tls: z
      .strictObject({ ca: path, certificate: path, key: path })
      .optional()
      .describe('PEM files; the agent proves itself by its certificate.'),
    plaintext: z.boolean().default(false).describe("No TLS; only for a controller on this machine's loopback."),
  })
  .superRefine((value, context) => {
    if (value.tls !== undefined && value.plaintext)
      context.addIssue({ code: 'custom', path: ['plaintext'], message: 'excludes tls' });
    if (value.tls === undefined && !value.plaintext)
      context.addIssue({ code: 'custom', path: ['tls'], message: 'is missing; expected ca, certificate and key' });
    const outside = value.addresses.findIndex((address) => !/^(localhost|127\.[\d.]+|\[::1\]):/.test(address));
    if (value.plaintext && outside >= 0) {
      context.addIssue({
        code: 'custom',
        path: ['addresses', outside],
        message: `${value.addresses[outside] ?? ''} is not loopback, and plaintext is for loopback only`,
      });
    }
  });

const gossip = z.strictObject({
  bind: endpoint
    .prefault(`0.0.0.0:${DEFAULT_GOSSIP_PORT}`)
    .describe('IP[:PORT] to listen on, for UDP and TCP; default 0.0.0.0:7946.'),
  advertise: endpoint
    .optional()
    .describe('IP[:PORT] that the others are told; default the bind address, which must then be a real one.'),
  seeds: z
    .array(seed)
    .default([])
    .describe('IP or NAME, with :PORT if need be, of members to join by; names are looked up until one has answered.'),
  keyFile: path
    .optional()
    .describe(
      'Keyring: a JSON array of base64 keys of 16, 24 or 32 bytes, the first of which encrypts, as `keepfleet keys generate` makes it; default gossip-keyring.json in the state directory.',
    ),
  encryption: z
    .enum(['required', 'accept-plain', 'send-plain', 'off'])
    .default('required')
    .describe(
      'required: all is encrypted. To bring encryption into a running fleet: send-plain on every node (has the keyring, understands both), then accept-plain on every node (sends encrypted, understands both), then required. off: no keyring.',
    ),
  profile: z
    .enum(['lan', 'wan', 'local'])
    .default('lan')
    .describe(
      'Timing: lan for one site, wan for sites a continent apart, local for one switch; the same on every node.',
    ),
  label: z
    .string()
    .max(255)
    .default('')
    .describe('Members of another label do not hear each other; serf agents have none.'),
  packetSize: z
    .int()
    .min(900)
    .max(65_000)
    .optional()
    .describe('Largest datagram, bytes of UDP payload; default 1400. Lower where a tunnel carries less.'),
});

const metrics = z.strictObject({
  listen: endpointWithPort(DEFAULT_METRICS_PORT)
    .prefault(`127.0.0.1:${DEFAULT_METRICS_PORT}`)
    .describe('IP[:PORT] where Prometheus asks for /metrics; default 127.0.0.1:9650. Nobody is asked who he is.'),
});

const agentFile = z.strictObject({
  node: nodeName.optional().describe('Name of this node in the fleet; default the host name.'),
  configId: z
    .string()
    .regex(/^\S+$/, 'expected one word')
    .optional()
    .describe('What @ID lines of keepalived.conf are compared with; default the host name up to its first dot.'),
  labels: z
    .record(
      z.string().regex(LABEL_NAME, 'expected a label name'),
      z.union([z.string(), z.number(), z.boolean()]).transform(String),
    )
    .default({})
    .describe('Words to select nodes by.'),
  controller: controller.optional().describe('Missing: the node reports to nobody.'),
  gossip: gossip.optional().describe('Missing: the node gossips with nobody.'),
  snmp: snmpSettings.prefault({}).describe('SNMP: by way of the local master agent, and by itself.'),
  metrics: metrics.optional().describe('Missing: no metrics for Prometheus.'),
  paths: z
    .strictObject({
      run: path.optional().describe('Directory of sockets and pid files.'),
      state: path.optional().describe('Directory of overrides, identity and the event spool.'),
      keepalivedConf: path.optional().describe('The keepalived.conf of this node.'),
    })
    .default({})
    .describe('The command line wins over these.'),
});

/** An agent.yaml with its defaults in place. */
export type AgentFile = z.output<typeof agentFile>;

/** The JSON Schema of what may be written in an agent.yaml, for editors; what it cannot say, parseAgentFile checks too. */
export function agentFileSchema(): object {
  const schema = z.toJSONSchema(agentFile, {
    io: 'input',
    override({ jsonSchema }) {
      // A name of zod's own, which strict validators refuse; the pattern beside it says the same.
      if (jsonSchema.format === 'starts_with') delete jsonSchema.format;
    },
  });
  return { title: 'agent.yaml of Keepfleet', ...schema };
}

/** Reads an agent.yaml; an empty one is all defaults. Any text gives a value or problems, and nothing is thrown. */
export function parseAgentFile(file: string, text: string): AgentFileResult {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const broken = document.errors.map((error): AgentFileProblem => ({
    kind: 'bad-yaml',
    setting: '',
    message: error.message,
    ...at(error.pos[0]),
  }));
  const data = broken.length > 0 ? undefined : plainData(document);
  if (data?.ok === false) broken.push({ kind: 'bad-yaml', setting: '', message: data.reason, ...at(0) });
  if (broken.length > 0) return { ok: false, problems: broken };

  const parsed = agentFile.safeParse(data?.ok === true ? (data.value ?? {}) : {});
  if (parsed.success) return { ok: true, value: parsed.data };
  const problems = parsed.error.issues.flatMap((issue): AgentFileProblem[] => {
    if (issue.code !== 'unrecognized_keys')
      return [
        {
          kind: 'bad-setting',
          setting: settingName(issue.path),
          message: issue.message,
          ...at(offsetOf(document, issue.path)),
        },
      ];
    return issue.keys.map((key) => ({
      kind: 'unknown-setting',
      setting: settingName([...issue.path, key]),
      message: 'is no setting here',
      ...at(offsetOf(document, [...issue.path, key])),
    }));
  });
  return { ok: false, problems };
}

/** `file:line:column: setting: message`. */
export function formatAgentFileProblem(problem: AgentFileProblem): string {
  const { file, line, column, setting, message } = problem;
  return `${file}:${line}:${column}: error: ${setting === '' ? '' : `${setting}: `}${message}`;
}

/** Aliases that multiply beyond the library's limit are refused there by an exception. */
function plainData(document: Document): { ok: true; value: unknown } | { ok: false; reason: string } {
  try {
    return { ok: true, value: document.toJS() };
  } catch (error) {
    if (error instanceof ReferenceError) return { ok: false, reason: error.message };
    throw error;
  }
}

/** Where a setting stands; of one that is missing, what should hold it. */
function offsetOf(document: Document, setting: readonly PropertyKey[]): number {
  let offset = 0;
  let current: unknown = document.contents;
  for (const step of setting) {
    if (isMap(current)) {
      const pair = current.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) return offset;
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      current = pair.value;
    } else if (isSeq(current)) {
      current = current.items[Number(step)];
      offset = isNode(current) ? (current.range?.[0] ?? offset) : offset;
    } else return offset;
  }
  return offset;
}

function settingName(steps: readonly PropertyKey[]): string {
  return steps.reduce<string>((name, step) => {
    if (typeof step === 'number') return `${name}[${step}]`;
    return name === '' ? String(step) : `${name}.${String(step)}`;
  }, '');
}
