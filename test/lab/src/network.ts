/**
 * The networks of the lab: one namespace is the switch, with a bridge for each network; every link of a host is a port
 * in it. Nothing is added to the machine's own network.
 */
import { command } from './command.ts';
import {
  directors,
  hosts,
  namespaceOf,
  networks,
  portOf,
  switchNamespace,
  type DirectorHost,
  type Host,
} from './plan.ts';
import { hostNetwork } from './templates.ts';

export async function createSwitch(): Promise<void> {
  await command('ip', ['netns', 'add', switchNamespace]);
  const lines = ['link set lo up'];
  for (const network of networks) {
    // Without a querier a snooping bridge forgets who wants VRRP's group.
    lines.push(`link add ${network} type bridge mcast_snooping 0 forward_delay 0`, `link set ${network} up`);
  }
  await command('ip', ['-n', switchNamespace, '-batch', '-'], lines.join('\n'));
  await quietIpv6(switchNamespace);
}

/** The ends of a guest's links: taps, which the guest opens itself. */
export async function createTaps(director: DirectorHost): Promise<void> {
  const lines = director.interfaces.flatMap((each) => [
    `tuntap add ${portOf(director, each)} mode tap`,
    `link set ${portOf(director, each)} master ${each.network} up`,
  ]);
  await command('ip', ['-n', switchNamespace, '-batch', '-'], lines.join('\n'));
}

/** A host as a namespace, its links as veth pairs. A director's addresses are set by its own first process. */
export async function createNamespace(host: Host): Promise<void> {
  const namespace = namespaceOf(host);
  await command('ip', ['netns', 'add', namespace]);
  await quietIpv6(namespace);
  const lines = host.interfaces.flatMap((each) => [
    `link add ${portOf(host, each)} type veth peer name ${each.name} address ${each.mac} netns ${namespace}`,
    `link set ${portOf(host, each)} master ${each.network} up`,
  ]);
  await command('ip', ['-n', switchNamespace, '-batch', '-'], lines.join('\n'));
  if (host.role !== 'director') await command('ip', ['-n', namespace, '-batch', '-'], hostNetwork(host));
}

export async function removeNamespace(host: Host): Promise<void> {
  await command('ip', ['netns', 'del', namespaceOf(host)]);
  // The other ends of its links go with it, but a little later: a new one of the same name must not meet them.
  for (const each of host.interfaces) await removePort(portOf(host, each));
}

/** Cuts or joins all links of a host at the switch. */
export async function setPorts(host: Host, state: 'up' | 'down'): Promise<void> {
  const lines = host.interfaces.map((each) => `link set ${portOf(host, each)} ${state}`);
  await command('ip', ['-n', switchNamespace, '-batch', '-'], lines.join('\n'));
}

export async function setPort(port: string, state: 'up' | 'down'): Promise<void> {
  await command('ip', ['-n', switchNamespace, 'link', 'set', port, state]);
}

/** Drops all frames between these pairs of ports, in both directions, and between no others. */
export async function partitionPorts(pairs: readonly (readonly [string, string])[]): Promise<void> {
  const both = pairs.flatMap(([a, b]) => [`"${a}" . "${b}"`, `"${b}" . "${a}"`]);
  const drop = both.length === 0 ? '' : `iifname . oifname { ${[...new Set(both)].join(', ')} } drop`;
  // The first line makes the second safe: there is a table to delete in any case.
  const rules = `table bridge lab
delete table bridge lab
table bridge lab {
  chain partition {
    type filter hook forward priority 0; policy accept;
    ${drop}
  }
}
`;
  await command('ip', ['netns', 'exec', switchNamespace, 'nft', '-f', '-'], rules);
}

/** The namespaces of this lab, or of one that crashed, that exist now. */
export async function existingNamespaces(): Promise<string[]> {
  const list = await command('ip', ['netns', 'list']);
  const ours = new Set([switchNamespace, ...hosts.map(namespaceOf)]);
  return list
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => ours.has(name));
}

export function cpuOf(director: DirectorHost, cpus: readonly number[]): number {
  // L1 and L3 share one CPU, L2 has the other: a master and its first backup do not disturb each other.
  return cpus[directors.indexOf(director) % cpus.length] ?? 0;
}

async function removePort(port: string): Promise<void> {
  try {
    await command('ip', ['-n', switchNamespace, 'link', 'del', port]);
  } catch (error) {
    // It has gone already, with its peer.
    if (!(error instanceof Error && error.message.includes('Cannot find device'))) throw error;
  }
}

/** Addresses usable at once: no duplicate address detection, no router advertisements. */
async function quietIpv6(namespace: string): Promise<void> {
  const lines = ['all', 'default'].flatMap((at) => [
    `echo 0 > /proc/sys/net/ipv6/conf/${at}/accept_dad`,
    `echo 0 > /proc/sys/net/ipv6/conf/${at}/accept_ra`,
  ]);
  await command('ip', ['netns', 'exec', namespace, 'sh', '-c', lines.join('; ')]);
}
