import { ip } from '@keepfleet/wire';

/** The kernel's own table of virtual services, from /proc/net/ip_vs: addresses there are in hex. */
export interface RealServerRow {
  address: string;
  port: number;
  weight: number;
  active: number;
  inactive: number;
}

export interface ServiceRow {
  protocol: string;
  address: string;
  port: number;
  scheduler: string;
  servers: RealServerRow[];
}

export function parseIpvsTable(text: string): ServiceRow[] {
  const services: ServiceRow[] = [];
  for (const line of text.split('\n')) {
    const service = /^(TCP|UDP|SCTP)\s+(\S+):([0-9A-F]{4})\s+(\S+)/.exec(line);
    if (service !== null) {
      const [, protocol = '', address = '', port = '', scheduler = ''] = service;
      services.push({ protocol, address: addressText(address), port: parseInt(port, 16), scheduler, servers: [] });
      continue;
    }
    const server = /^\s+->\s+(\S+):([0-9A-F]{4})\s+\S+\s+(-?\d+)\s+(\d+)\s+(\d+)/.exec(line);
    if (server === null) continue;
    const [, address = '', port = '', weight, active, inactive] = server;
    services.at(-1)?.servers.push({
      address: addressText(address),
      port: parseInt(port, 16),
      weight: Number(weight),
      active: Number(active),
      inactive: Number(inactive),
    });
  }
  return services;
}

function addressText(text: string): string {
  if (text.startsWith('[')) return ip(text.slice(1, -1));
  return (text.match(/../g) ?? []).map((byte) => parseInt(byte, 16)).join('.');
}
