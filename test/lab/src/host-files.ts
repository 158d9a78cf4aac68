import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agentRunDirectory, agentService, controllerPorts, snmpdService } from './commands.ts';
import { hostDirectory, logDirectory, paths, repository } from './paths.ts';
import { controllerAddress, directorNamed, directors, hosts, webServers, type DirectorHost } from './plan.ts';
import type { StewardSettings } from './steward.ts';
import { agentYaml, directorNetwork, fill, keepalivedConf } from './templates.ts';

export interface HostFileOptions {
  delayLoop: number;
  agents: 'all' | string[];
  /** Directors are guests; else namespaces. */
  guests: boolean;
}

/** The directory of every host, with all that it starts from but its certificates. */
export async function writeHostFiles({ delayLoop, agents, guests }: HostFileOptions): Promise<void> {
  const template = (name: string) => readFileSync(join(repository, 'test/lab/etc', name), 'utf8');
  for (const host of hosts) {
    await mkdir(logDirectory(host), { recursive: true });
    await mkdir(join(hostDirectory(host), 'state'), { recursive: true, mode: 0o700 });
  }
  await mkdir(paths.forwards, { recursive: true });
  await mkdir(paths.guests, { recursive: true });
  for (const { name, directory } of webServers.map((host) => ({ name: host.name, directory: hostDirectory(host) }))) {
    await writeFile(join(directory, 'nginx.conf'), fill(template('nginx.conf'), { directory, name }));
  }
  const keyring = JSON.stringify([randomBytes(32).toString('base64')]);
  const controller = `${controllerAddress}:${controllerPorts.agents}`;
  for (const director of directors) {
    const wanted = agents === 'all' || agents.some((name) => directorNamed(name) === director);
    const files: Record<string, string> = {
      'keepalived.conf': keepalivedConf(template('keepalived.conf'), director, delayLoop),
      'agent.yaml': agentYaml(template('agent.yaml.template'), director, controller),
      'snmpd.conf': fill(template('snmpd.conf'), { name: director.name }),
      'network.batch': directorNetwork(director, guests),
      'steward.json': JSON.stringify(stewardSettings(wanted)),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(hostDirectory(director), name), text);
    const file = join(hostDirectory(director), 'state', 'gossip-keyring.json');
    await writeFile(file, keyring, { mode: 0o600 });
    await copyMibs(director);
  }
}

/** What commands see: the repository's programs and pinned Node, and the MIBs by name. */
export function commandEnvironment(path: string): Record<string, string> {
  return {
    PATH: [join(repository, 'bin'), join(repository, 'node_modules/.bin'), path].join(':'),
    HOME: '/root',
    TERM: 'dumb',
    MIBDIRS: '/run/lab/mibs:/usr/share/snmp/mibs',
    MIBS: 'KEEPALIVED-MIB:VRRP-MIB:VRRPV3-MIB',
  };
}

function stewardSettings(withAgent: boolean): StewardSettings {
  return {
    services: [snmpdService(), agentService()],
    start: ['snmpd', ...(withAgent ? ['agent'] : [])],
    runDirectory: agentRunDirectory,
    logs: '/run/lab/logs',
    environment: commandEnvironment('/usr/sbin:/usr/bin:/sbin:/bin'),
  };
}

/** Our own MIB, and the IETF's that KEEPALIVED-MIB imports: Debian has none of those, the npm package net-snmp all but one. */
async function copyMibs(director: DirectorHost): Promise<void> {
  const into = join(hostDirectory(director), 'mibs');
  await mkdir(into, { recursive: true });
  const copy = async (name: string, from: string) => {
    await writeFile(join(into, `${name}.txt`), readFileSync(join(repository, from)));
  };
  const borrowed = ['SNMPv2-SMI', 'SNMPv2-TC', 'SNMPv2-CONF', 'SNMPv2-MIB', 'IF-MIB', 'IANAifType-MIB'];
  for (const name of borrowed) await copy(name, `node_modules/net-snmp/lib/mibs/${name}.mib`);
  await copy('INET-ADDRESS-MIB', 'test/lab/mibs/INET-ADDRESS-MIB.txt');
  await copy('KEEPFLEET-MIB', 'docs/mibs/KEEPFLEET-MIB.txt');
}
