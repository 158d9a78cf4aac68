/** The address plan of the lab: every network, host, interface and address, and the names made from them. */

export const networks = ['internet', 'front', 'ico', 'mgmt'] as const;
export type NetworkName = (typeof networks)[number];

export function isNetwork(word: string): word is NetworkName {
  return networks.some((network) => network === word);
}

export type HostRole = 'client' | 'director' | 'web' | 'controller';

export interface Interface {
  name: string;
  network: NetworkName;
  mac: string;
  /** With prefix lengths, as `ip address add` takes them. */
  addresses: string[];
}

export interface Host {
  name: string;
  role: HostRole;
  interfaces: Interface[];
  /** Gateways of the default routes. */
  gateways: string[];
}

export interface DirectorHost extends Host {
  role: 'director';
  number: number;
  priority: number;
}

export const virtualRouter = { name: 'VI_1', id: 1, interface: 'eth2', password: 'keepflee' } as const;

export const virtualAddresses = [
  { address: '198.51.100.15', prefix: 24, interface: 'eth0' },
  { address: '2001:db8::15', prefix: 64, interface: 'eth0' },
  { address: '192.168.1.1', prefix: 24, interface: 'eth1' },
  { address: 'fd00::1', prefix: 64, interface: 'eth1' },
] as const;

/** What the client asks for: the services that the fleet keeps alive. */
export const serviceUrls = ['http://198.51.100.15/', 'http://[2001:db8::15]/'] as const;

export const controllerAddress = '172.31.0.100';

export const directors: readonly DirectorHost[] = [1, 2, 3].map((number) => ({
  name: `L${number}`,
  role: 'director',
  number,
  priority: 200 - 50 * number,
  interfaces: [
    port(number, 'eth0', 'internet', [`198.51.100.${10 + number}/24`, `2001:db8::${10 + number}/64`]),
    port(number, 'eth1', 'front', [`192.168.1.${1 + number}/24`, `fd00::${1 + number}/64`]),
    port(number, 'eth2', 'ico', [`172.16.0.${number}/24`]),
    port(number, 'eth3', 'mgmt', [`172.31.0.${number}/24`]),
  ],
  gateways: [],
}));

export const client: Host = {
  name: 'C1',
  role: 'client',
  interfaces: [port(0x20, 'eth0', 'internet', ['198.51.100.2/24', '2001:db8::2/64'])],
  gateways: [],
};

export const webServers: readonly Host[] = [1, 2, 3, 4].map((number) => ({
  name: `W${number}`,
  role: 'web',
  interfaces: [port(0x30 + number, 'eth0', 'front', [`192.168.1.${9 + number}/24`, `fd00::${9 + number}/64`])],
  gateways: ['192.168.1.1', 'fd00::1'],
}));

export const controllerHost: Host = {
  name: 'controller',
  role: 'controller',
  interfaces: [port(0x40, 'eth0', 'mgmt', [`${controllerAddress}/24`])],
  gateways: [],
};

export const hosts: readonly Host[] = [client, ...directors, ...webServers, controllerHost];

/**
 * Word for a second lab beside the usual one, from KEEPFLEET_LAB: tests and a person can each have theirs.
 * `keepfleet` with the same word finds it by itself.
 */
export const instance = instanceWord(process.env['KEEPFLEET_LAB'] ?? '');

/** Everything the lab creates on the machine starts with this, so that it can be found and removed after a crash. */
export const namePrefix = `kf-lab${instance}-`;
/** An abstract socket: whoever listens there builds this lab, or has built it. */
export const claimName = `\0${namePrefix}claim`;
export const switchNamespace = `${namePrefix}switch`;

export function namespaceOf(host: Host): string {
  return namePrefix + host.name.toLowerCase();
}

/** The switch's end of a host's link: a port of the network's bridge. */
export function portOf(host: Host, on: Interface): string {
  return `${host.name === 'controller' ? 'CTL' : host.name}-${on.name}`;
}

export function hostNamed(name: string): Host | undefined {
  return hosts.find((host) => host.name.toLowerCase() === name.toLowerCase());
}

export function directorNamed(name: string): DirectorHost | undefined {
  return directors.find((director) => director.name.toLowerCase() === name.toLowerCase());
}

/** Where a host gossips and reports. */
export function managementAddress(host: Host): string {
  const on = host.interfaces.find((each) => each.network === 'mgmt');
  return on?.addresses[0]?.split('/')[0] ?? '';
}

/** The pairs of switch ports that join two hosts, on one network or on all they share. */
export function sharedPorts(a: Host, b: Host, only?: NetworkName): [string, string][] {
  const pairs: [string, string][] = [];
  for (const mine of a.interfaces) {
    for (const theirs of b.interfaces) {
      if (mine.network !== theirs.network || (only !== undefined && mine.network !== only)) continue;
      pairs.push([portOf(a, mine), portOf(b, theirs)]);
    }
  }
  return pairs;
}

function port(host: number, name: string, network: NetworkName, addresses: string[]): Interface {
  // Locally administered; the last two bytes tell the network and the host in a packet dump.
  const mac = [0x02, 0x6b, 0x66, 0x00, networks.indexOf(network) + 1, host];
  return { name, network, mac: mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':'), addresses };
}

function instanceWord(word: string): string {
  if (/^[a-z0-9]{0,8}$/.test(word)) return word;
  throw new Error(`KEEPFLEET_LAB is up to 8 small letters and digits, not "${word}"`);
}
