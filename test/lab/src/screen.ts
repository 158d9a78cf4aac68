import { webServers } from './plan.ts';
import type { HostStatus, LabEvent, LabStatus } from './status.ts';

/** The one screen of the lab: who owns what, who is served, what happened, what to try. */
export function screen(status: LabStatus, events: readonly LabEvent[], width = 100): string[] {
  const directors = status.hosts.filter((host) => host.role === 'director');
  const lines = [
    `Keepfleet lab  ${status.state}  ${kernelText(status)}  ${servingText(status)}`,
    '',
    'virtual address   owner',
    ...status.owners.map(({ address, owners }) => `  ${address.padEnd(16)}${ownersText(owners)}`),
    '',
    'director  state    vrrp  lvs   control  snmpd',
    ...directors.map(directorLine),
    '',
    'real servers (weight and open connections of the owner)',
    ...serverLines(status),
    '',
    ...(status.faults.length === 0 ? ['no faults'] : [`faults: ${status.faults.join(', ')}`]),
    '',
    'events',
    ...(events.length === 0 ? ['  none yet'] : events.map(({ at, text }) => `  ${at.slice(11, 19)}  ${text}`)),
    '',
    `controller  ${status.controller.rest}  (bin/keepfleet finds it by itself)`,
    'try, in another terminal:',
    ...suggestions.map((line) => `  ${line}`),
    'Ctrl-C takes everything down.',
  ];
  return lines.map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line));
}

export const suggestions = [
  'bin/keepfleet status                                        the fleet as the controller sees it',
  'npm run lab -- exec C1 curl -s http://198.51.100.15/        one request through the virtual address',
  'npm run lab -- fault link-down L1 eth1                      L2 takes over; link-up gives it back',
  'npm run lab -- fault kill L1 host                           a power loss; boot L1 afterwards',
  'npm run lab -- exec L1 ipvsadm -Ln --stats                  the kernel’s own table',
  'npm run lab -- exec L1 snmpwalk -v2c -c public localhost KEEPALIVED-MIB::vrrpInstanceTable',
  'bin/keepfleet drain node L1 --reason "a look inside"        hand over without losing a request',
];

/** What changed between two looks, one line each: for terminals that cannot be redrawn, and for the event list. */
export function changes(before: LabStatus, after: LabStatus): string[] {
  const lines: string[] = [];
  for (const { address, owners } of after.owners) {
    const old = before.owners.find((each) => each.address === address)?.owners ?? [];
    if (old.join() !== owners.join()) lines.push(`${address}: ${ownersText(old)} → ${ownersText(owners)}`);
  }
  for (const fault of after.faults) if (!before.faults.includes(fault)) lines.push(fault);
  for (const fault of before.faults) if (!after.faults.includes(fault)) lines.push(`over: ${fault}`);
  const [old, now] = [servers(before), servers(after)];
  for (const [server, weight] of now) if (old.get(server) !== weight) lines.push(`${server}: weight ${weight}`);
  for (const server of old.keys()) if (!now.has(server)) lines.push(`${server}: no longer served`);
  return lines;
}

/** For `status`: the same without the suggestions. */
export function statusText(status: LabStatus): string[] {
  const lines = screen(status, [], 200);
  const phases = status.phases.map(({ name, milliseconds }) => `${name} ${(milliseconds / 1000).toFixed(1)} s`);
  return [
    ...lines.slice(0, lines.indexOf('events')),
    `start: ${phases.join(', ')}`,
    `controller: ${status.controller.rest}`,
  ];
}

function kernelText({ kernel, why }: LabStatus): string {
  return kernel === 'guests' ? `guests (${why})` : `namespaces (${why})`;
}

function servingText({ firstAnswerMilliseconds }: LabStatus): string {
  if (firstAnswerMilliseconds === undefined) return '';
  return `first answer after ${(firstAnswerMilliseconds / 1000).toFixed(1)} s`;
}

function ownersText(owners: readonly string[]): string {
  if (owners.length === 0) return 'nobody';
  return owners.length === 1 ? (owners[0] ?? '') : `${owners.join(' and ')}: more than one`;
}

function directorLine(host: HostStatus): string {
  const alive = (name: string) => (host.processes.find((each) => each.name === name)?.alive === true ? 'runs' : '-');
  const snmpd = host.services.find((each) => each.name === 'snmpd')?.pid === undefined ? '-' : 'runs';
  const state = host.unknown === undefined ? host.state : 'silent';
  return `  ${host.name.padEnd(8)}${state.padEnd(9)}${alive('vrrp').padEnd(6)}${alive('lvs').padEnd(6)}${alive('control').padEnd(9)}${snmpd}`;
}

function serverLines(status: LabStatus): string[] {
  const owner = ownerOf(status);
  if (owner === undefined || owner.ipvs.length === 0) return ['  none'];
  return owner.ipvs.toSorted(ipv4First).map((service) => {
    const sorted = [...service.servers].sort((a, b) => (a.address < b.address ? -1 : 1));
    const of = sorted.map(({ address, weight, active }) => `${serverName(address)} w${weight} c${active}`);
    return `  ${`${service.address} ${service.port}`.padEnd(20)}${service.scheduler}  ${of.join('  ') || 'no real server'}`;
  });
}

function ipv4First(a: { address: string }, b: { address: string }): number {
  return Number(a.address.includes(':')) - Number(b.address.includes(':'));
}

function ownerOf(status: LabStatus): HostStatus | undefined {
  const name = status.owners[0]?.owners[0];
  return status.hosts.find((host) => host.name === name);
}

function servers(status: LabStatus): Map<string, number> {
  const rows = (ownerOf(status)?.ipvs ?? []).flatMap((service) =>
    service.servers.map(({ address, weight }): [string, number] => [
      `${serverName(address)} for ${service.address}`,
      weight,
    ]),
  );
  return new Map(rows);
}

function serverName(address: string): string {
  const found = webServers.find((server) =>
    server.interfaces.some((each) => each.addresses.some((own) => own.split('/')[0] === address)),
  );
  return found?.name ?? address;
}
