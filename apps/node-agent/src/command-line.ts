import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_AGENT_CONFIG } from './options.ts';

export interface Paths {
  readonly runDirectory: string;
  readonly stateDirectory: string;
  readonly config: string;
  readonly agentConfig: string;
}

export type CommandLine =
  | { readonly kind: 'run'; readonly role: 'control' | 'vrrp' | 'lvs'; readonly paths: Paths }
  | { readonly kind: 'check'; readonly paths: Paths }
  | { readonly kind: 'help' | 'version' }
  | { readonly kind: 'mistake'; readonly message: string };

export const HELP = `Usage: keepfleet-agent [options]

Runs VRRP, IPVS and SNMP of this node from its keepalived.conf, and reports to the fleet.

  --config FILE        keepalived.conf        (default /etc/keepalived/keepalived.conf)
  --agent-config FILE  agent.yaml             (default ${DEFAULT_AGENT_CONFIG})
  --run-dir DIR        sockets and pid files  (default /run/keepfleet)
  --state-dir DIR      overrides and spool    (default /var/lib/keepfleet)
  --check              read the configuration, say what is wrong with it, change nothing
  --version            print the version
  --help               print this text

Exit codes: 0 done, 1 failed, 2 wrong use, 3 an agent already runs in that run directory.
`;

/** Understands the arguments after the program's name. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        // Not in the help: the agent starts its own processes with it.
        role: { type: 'string', default: 'control' },
        config: { type: 'string', default: '/etc/keepalived/keepalived.conf' },
        'agent-config': { type: 'string', default: DEFAULT_AGENT_CONFIG },
        'run-dir': { type: 'string', default: '/run/keepfleet' },
        'state-dir': { type: 'string', default: '/var/lib/keepfleet' },
        check: { type: 'boolean', default: false },
        version: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    // Node's text goes on about positional arguments after the first sentence.
    const [sentence] = error instanceof Error ? error.message.split('. ') : [String(error)];
    return { kind: 'mistake', message: `${sentence ?? ''} (see --help)` };
  }
  if (values.help) return { kind: 'help' };
  if (values.version) return { kind: 'version' };
  const paths = {
    runDirectory: resolve(values['run-dir']),
    stateDirectory: resolve(values['state-dir']),
    config: resolve(values.config),
    agentConfig: resolve(values['agent-config']),
  };
  if (values.check) return { kind: 'check', paths };
  const { role } = values;
  if (role !== 'control' && role !== 'vrrp' && role !== 'lvs')
    return { kind: 'mistake', message: `no role '${role}': control, vrrp or lvs (see --help)` };
  return { kind: 'run', role, paths };
}
