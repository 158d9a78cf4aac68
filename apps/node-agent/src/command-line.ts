import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_AGENT_CONFIG } from './options.ts';

export interface Paths {
  readonly runDirectory: string;
  readonly stateDirectory: string;
  readonly config: string;
  readonly agentConfig: string;
}

export interface ConfigTestLine {
  readonly file: string;
  readonly configId?: string;
  readonly allIncludes: boolean;
  readonly json: boolean;
  /** Where the messages go instead of stdout. */
  readonly messages?: string;
}

export type CommandLine =
  | { readonly kind: 'run'; readonly role: 'control' | 'vrrp' | 'lvs' | 'bfd'; readonly paths: Paths }
  | { readonly kind: 'check'; readonly paths: Paths }
  | ({ readonly kind: 'config-test' | 'dump-conf' | 'host-facts' } & ConfigTestLine)
  | { readonly kind: 'language' | 'help' | 'version' }
  | { readonly kind: 'mistake'; readonly message: string };

const DEFAULT_CONFIG = '/etc/keepalived/keepalived.conf';

export const HELP = `Usage: keepfleet-agent [options]

Runs VRRP, IPVS and SNMP of this node from its keepalived.conf, and reports to the fleet.

  -f, --config FILE    keepalived.conf        (default ${DEFAULT_CONFIG})
  --agent-config FILE  agent.yaml             (default ${DEFAULT_AGENT_CONFIG})
  --run-dir DIR        sockets and pid files  (default /run/keepfleet)
  --state-dir DIR      overrides and spool    (default /var/lib/keepfleet)

  -t, --config-test[=FILE]  check FILE, or that of --config, against its language and this node; nothing is changed
  -d, --dump-conf           print what the configuration means, without its secrets
  --host-facts              print what the configuration asks of this node, for \`keepfleet config check --facts\`
  --describe-language       print every block and keyword with its parameters, for editors
  -i, --config-id ID        what @ID lines are compared with  (default the host name up to its first dot)
  -e, --all-config          every include must find what it names
  --json                    the test's answer as JSON
  -g, --log-file FILE       the test's messages go into FILE

  --check              as --config-test without looking at this node; exit code 0 usable, 1 not
  -v, --version        print the version
  -h, --help           print this text

Exit codes: 0 done, 1 failed, 2 wrong use, 3 an agent already runs in that run directory.
Exit codes of --config-test: 0 clean, 4 errors (it would be refused), 5 warnings, 6 warnings of the safety of scripts,
7 the file is missing or cannot be read, 2 wrong use.
`;

const OPTIONS = {
  // Not in the help: the agent starts its own processes with it.
  role: { type: 'string', default: 'control' },
  config: { type: 'string', short: 'f', default: DEFAULT_CONFIG },
  // As keepalived calls it.
  'use-file': { type: 'string' },
  'agent-config': { type: 'string', default: DEFAULT_AGENT_CONFIG },
  'run-dir': { type: 'string', default: '/run/keepfleet' },
  'state-dir': { type: 'string', default: '/var/lib/keepfleet' },
  'config-test': { type: 'boolean', short: 't', default: false },
  'dump-conf': { type: 'boolean', short: 'd', default: false },
  'host-facts': { type: 'boolean', default: false },
  'describe-language': { type: 'boolean', default: false },
  'config-id': { type: 'string', short: 'i' },
  'all-config': { type: 'boolean', short: 'e', default: false },
  'log-file': { type: 'string', short: 'g' },
  json: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
  version: { type: 'boolean', short: 'v', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Understands the arguments after the program's name. */
export function parseCommandLine(words: readonly string[]): CommandLine {
  const { args, tested } = withoutTestedFile(words);
  let values;
  try {
    ({ values } = parseArgs({ args, options: OPTIONS }));
  } catch (error) {
    // Node's text goes on about positional arguments after the first sentence.
    const [sentence] = error instanceof Error ? error.message.split('. ') : [String(error)];
    return { kind: 'mistake', message: `${sentence ?? ''} (see --help)` };
  }
  if (values.help) return { kind: 'help' };
  if (values.version) return { kind: 'version' };
  if (values['describe-language']) return { kind: 'language' };
  const config = resolve(tested ?? values['use-file'] ?? values.config);
  const kind = (['host-facts', 'dump-conf', 'config-test'] as const).find((one) => values[one]);
  if (kind !== undefined) {
    const { 'config-id': configId, 'log-file': messages } = values;
    return {
      ...{ kind, file: config, allIncludes: values['all-config'], json: values.json },
      ...(configId === undefined ? {} : { configId }),
      ...(messages === undefined ? {} : { messages: resolve(messages) }),
    };
  }
  const paths = {
    runDirectory: resolve(values['run-dir']),
    stateDirectory: resolve(values['state-dir']),
    config,
    agentConfig: resolve(values['agent-config']),
  };
  if (values.check) return { kind: 'check', paths };
  const { role } = values;
  if (role !== 'control' && role !== 'vrrp' && role !== 'lvs' && role !== 'bfd')
    return { kind: 'mistake', message: `no role '${role}': control, vrrp, lvs or bfd (see --help)` };
  return { kind: 'run', role, paths };
}

/** `--config-test=FILE`: an option whose value may be left out, which parseArgs does not have. */
function withoutTestedFile(words: readonly string[]): { args: string[]; tested: string | undefined } {
  let tested: string | undefined;
  const args = words.map((word) => {
    const file = /^(?:--config-test|-t)=(.+)$/.exec(word)?.[1];
    tested = file ?? tested;
    return file === undefined ? word : '--config-test';
  });
  return { args, tested };
}
