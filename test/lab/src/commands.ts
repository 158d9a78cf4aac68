/**
 * How the programs of the fleet are started in the lab. Their flags are written down here and nowhere else in the lab.
 */
import { join } from 'node:path';
import { repository } from './paths.ts';
import { controllerAddress } from './plan.ts';

/** A program that a supervisor keeps running. */
export interface Service {
  name: string;
  argv: string[];
  environment?: Record<string, string>;
}

/** Inside a director: its directory of the lab. */
const files = '/run/lab';
export const agentRunDirectory = '/run/keepfleet';

/** The agent link is open to the management network; both interfaces for people listen on the host's own loopback. */
export const controllerPorts = { rest: 7480, api: 7481, agents: 7443 } as const;

export function agentService(): Service {
  return {
    name: 'agent',
    argv: [
      join(repository, 'bin/keepfleet-agent'),
      ...['--config', `${files}/keepalived.conf`],
      ...['--agent-config', `${files}/agent.yaml`],
      ...['--run-dir', agentRunDirectory],
      ...['--state-dir', `${files}/state`],
    ],
  };
}

export function snmpdService(): Service {
  return {
    name: 'snmpd',
    argv: ['snmpd', '-f', '-C', '-c', `${files}/snmpd.conf`, '-Lo', '-p', '/run/snmpd.pid', '-I', '-smux'],
    environment: { SNMP_PERSISTENT_DIR: '/run/snmp', MIBS: '' },
  };
}

/** `directory` is the controller's own directory of the lab. */
export function controllerService(directory: string): Service {
  return {
    name: 'controller',
    argv: [
      join(repository, 'bin/keepfleet-controller'),
      ...['--name', 'lab'],
      ...['--agent-listen', `${controllerAddress}:${controllerPorts.agents}`],
      ...['--api-listen', `127.0.0.1:${controllerPorts.api}`],
      ...['--rest-listen', `127.0.0.1:${controllerPorts.rest}`],
      ...['--state-dir', join(directory, 'state')],
      ...['--tls-cert', join(directory, 'pki/node.pem')],
      ...['--tls-key', join(directory, 'pki/node.key')],
      ...['--tls-client-ca', join(directory, 'pki/ca.pem')],
    ],
  };
}

/** Where the controller tells its last events; the screen shows them. */
export const eventsPath = '/v1/events?latest=true&limit=8';

export function nginxService(directory: string): Service {
  return {
    name: 'nginx',
    argv: [
      'nginx',
      '-p',
      directory,
      '-e',
      join(directory, 'logs/nginx-error.log'),
      '-c',
      join(directory, 'nginx.conf'),
    ],
  };
}
