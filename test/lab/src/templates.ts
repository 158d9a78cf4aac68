/** The files that the lab writes for its hosts. Rendering is pure; the templates lie in test/lab/etc. */
import { directors, managementAddress, virtualRouter, webServers, type DirectorHost, type Host } from './plan.ts';

/** Fills `{{name}}` in; a name without a value, or a value without its name, is a fault of the caller. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  const unused = new Set(Object.keys(values));
  const text = template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the template wants {{${name}}}, which has no value`);
    unused.delete(name);
    return value;
  });
  if (unused.size > 0) throw new Error(`the template does not use ${[...unused].join(', ')}`);
  return text;
}

export function keepalivedConf(template: string, director: DirectorHost, delayLoop: number): string {
  return fill(template, {
    router: director.name,
    priority: String(director.priority),
    password: virtualRouter.password,
    delay_loop: String(delayLoop),
    real_servers_4: realServers(0),
    real_servers_6: realServers(1),
  });
}

export function agentYaml(template: string, director: DirectorHost, controller: string): string {
  const seeds = directors.filter((peer) => peer !== director).map(managementAddress);
  return fill(template, {
    name: director.name,
    controller,
    gossip: managementAddress(director),
    seeds: seeds.join(', '),
  });
}

/** Lines for `ip -batch` inside a director; a guest's interfaces are still called vecN. */
export function directorNetwork(director: DirectorHost, guest: boolean): string {
  const lines = ['link set lo up'];
  director.interfaces.forEach((each, index) => {
    if (guest) lines.push(`link set vec${index} name ${each.name}`);
    lines.push(...interfaceUp(each.name, each.addresses));
  });
  return lines.join('\n') + '\n';
}

/** Lines for `ip -batch` in the namespace of any other host. */
export function hostNetwork(host: Host): string {
  const lines = ['link set lo up'];
  for (const each of host.interfaces) lines.push(...interfaceUp(each.name, each.addresses));
  for (const gateway of host.gateways) lines.push(`route add default via ${gateway}`);
  return lines.join('\n') + '\n';
}

export function interfaceUp(name: string, addresses: readonly string[]): string[] {
  return [
    `link set ${name} up`,
    ...addresses.map((address) => `address replace ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`),
  ];
}

function realServers(family: 0 | 1): string {
  return webServers
    .map((server) => {
      const address = server.interfaces[0]?.addresses[family]?.split('/')[0] ?? '';
      return `    real_server ${address} 80 {
        weight 1
        HTTP_GET {
            url {
                path /
                status_code 200
            }
            connect_timeout 3
            retry 1
            delay_before_retry 1
        }
    }`;
    })
    .join('\n');
}
