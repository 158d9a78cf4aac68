import type { BfdSnapshot } from '@keepfleet/bfd';
import type { DestinationSnapshot, LvsSnapshot, TrafficSnapshot, VirtualServerSnapshot } from '@keepfleet/ipvs';
import type { RouterOwnership, SwimSnapshot } from '@keepfleet/swim';
import type { RouterSnapshot, ScriptRun, VrrpSnapshot } from '@keepfleet/vrrp';
import { bfdFamilies } from './bfd-families.ts';
import { type Family, type Labels, family, familyText } from './family.ts';
import { gossipFamilies } from './gossip-families.ts';

/** What the metrics are made from. A snapshot is undefined while its process was not heard, or is silent. */
export interface MetricSources {
  readonly version: string;
  readonly vrrp: VrrpSnapshot | undefined;
  readonly lvs: LvsSnapshot | undefined;
  readonly bfd: BfdSnapshot | undefined;
  readonly gossip: SwimSnapshot | undefined;
  /** What gossip says of the virtual routers that this node carries. */
  readonly owners: readonly RouterOwnership[];
}

/** Numbers of the exporters that read keepalived's own files. */
const STATE = { initialize: 0, backup: 1, master: 2, fault: 3 } as const;
const RUN = { idle: 0, running: 1, terminating: 2, killing: 3 } as const satisfies Record<ScriptRun, number>;

/**
 * The Prometheus text format. Names and labels are those of the exporters for keepalived where they have one, so that
 * dashboards go on; what they lack begins with keepalived_vrrp_ or keepalived_lvs_, and BFD and gossip with keepfleet_.
 */
export function exposition(sources: MetricSources): string {
  const { vrrp, lvs, bfd, gossip, owners } = sources;
  return [
    ...general(sources),
    ...vrrpFamilies(vrrp),
    ...lvsFamilies(lvs),
    ...bfdFamilies(bfd),
    ...gossipFamilies(gossip, owners),
  ]
    .map(familyText)
    .join('');
}

function general({ version, vrrp, lvs }: MetricSources): Family[] {
  return [
    family('keepalived_up', 'Whether the vrrp process is heard.', 'gauge', [[{}, Number(vrrp !== undefined)]]),
    family('keepalived_lvs_up', 'Whether the lvs process is heard and has IPVS.', 'gauge', [
      [{}, Number(lvs?.available === true)],
    ]),
    family('keepalived_build_info', 'What answers here.', 'gauge', [[{ version, agent: 'keepfleet' }, 1]]),
  ];
}

function vrrpFamilies(vrrp: VrrpSnapshot | undefined): Family[] {
  const routers = vrrp?.instances ?? [];
  const labels = ({ name, interface: intf, vrid }: RouterSnapshot): Labels => ({ iname: name, intf, vrid });
  const each = (name: string, help: string, type: Family['type'], value: (router: RouterSnapshot) => number) =>
    family(
      name,
      help,
      type,
      routers.map((router) => [labels(router), value(router)]),
    );
  const counter = (name: string, help: string, value: (router: RouterSnapshot) => number) =>
    each(`keepalived_${name}_total`, help, 'counter', value);
  const addresses = routers.flatMap((router) =>
    router.addresses.map((address) => ({
      router,
      address,
      labels: { ...labels(router), intf: address.interface, ip_address: address.address },
    })),
  );
  const states = (advertised: boolean) =>
    addresses
      .filter(({ address }) => address.advertised === advertised)
      .map((one) => [one.labels, STATE[one.router.state]] as const);
  // One that is told of by no address is told of all the same.
  const without = routers
    .filter((router) => !router.addresses.some(({ advertised }) => advertised))
    .map((router) => [{ ...labels(router), ip_address: '' }, STATE[router.state]] as const);
  const scripts = vrrp?.scripts ?? [];
  return [
    family(
      'keepalived_vrrp_state',
      'State: 0 init, 1 backup, 2 master, 3 fault; a sample for each address of the adverts.',
      'gauge',
      [...states(true), ...without],
    ),
    family(
      'keepalived_vrrp_excluded_state',
      'State, a sample for each virtual address that is not in the adverts.',
      'gauge',
      states(false),
    ),
    family(
      'keepalived_vrrp_address_installed',
      'Whether a virtual address is on its interface.',
      'gauge',
      addresses.map((one) => [one.labels, Number(one.address.installed)]),
    ),
    family(
      'keepalived_script_status',
      'Whether a tracked script succeeds: 0 bad, 1 good; without a sample while no result is known.',
      'gauge',
      scripts.flatMap(({ name, state }) => (state === 'unknown' ? [] : [[{ name }, Number(state === 'up')] as const])),
    ),
    family(
      'keepalived_script_state',
      'What a tracked script does: 0 idle, 1 running, 2 told to end, 3 killed.',
      'gauge',
      scripts.map(({ name, run }) => [{ name }, RUN[run]]),
    ),
    counter(
      'gratuitous_arp_delay',
      'The setting garp_master_delay, seconds: a counter by name alone.',
      ({ garpDelay }) => garpDelay / 1_000_000,
    ),
    counter('advertisements_received', 'Adverts received.', ({ counters }) => counters.advertsReceived),
    counter('advertisements_sent', 'Adverts sent.', ({ counters }) => counters.advertsSent),
    counter('become_master', 'Times it became master.', ({ counters }) => counters.becameMaster),
    counter('release_master', 'Times it stopped being master.', ({ counters }) => counters.releasedMaster),
    counter('packet_length_errors', 'Adverts of a wrong length.', ({ counters }) => counters.errors.length),
    counter(
      'advertisements_interval_errors',
      'Adverts with another interval.',
      ({ counters }) => counters.errors['advert-interval'],
    ),
    counter('ip_ttl_errors', 'Adverts with a wrong TTL.', ({ counters }) => counters.errors.ttl),
    counter('invalid_type_received', 'Messages of a wrong type.', ({ counters }) => counters.errors.type),
    counter('address_list_errors', 'Adverts with other addresses.', ({ counters }) => counters.errors['address-list']),
    counter(
      'authentication_invalid',
      'Adverts with an authentication type that there is not.',
      ({ counters }) => counters.errors['auth-type-unknown'],
    ),
    counter(
      'authentication_mismatch',
      'Adverts with another authentication type.',
      ({ counters }) => counters.errors['auth-type'],
    ),
    counter(
      'authentication_failure',
      'Adverts with a wrong password or digest.',
      ({ counters }) => counters.errors['auth-failure'],
    ),
    counter('priority_zero_received', 'Adverts of masters that left.', ({ counters }) => counters.priorityZeroReceived),
    counter('priority_zero_sent', 'Adverts sent on leaving.', ({ counters }) => counters.priorityZeroSent),
    counter('vrrp_checksum_errors', 'Adverts with a wrong checksum.', ({ counters }) => counters.errors.checksum),
    counter('vrrp_version_errors', 'Adverts of another version.', ({ counters }) => counters.errors.version),
    counter(
      'vrrp_announcements_sent',
      'Gratuitous ARPs and neighbour advertisements sent.',
      ({ counters }) => counters.announcementsSent,
    ),
    each('keepalived_vrrp_priority', 'Effective priority.', 'gauge', (router) => router.effectivePriority),
    each(
      'keepalived_vrrp_base_priority',
      'Configured or overridden priority.',
      'gauge',
      (router) => router.basePriority,
    ),
    each(
      'keepalived_vrrp_state_since_seconds',
      'When the state began, seconds since 1970.',
      'gauge',
      (router) => router.since / 1000,
    ),
    family('keepalived_vrrp_unknown_vrid_total', 'Adverts for virtual routers that are not here.', 'counter', [
      ...(vrrp === undefined ? [] : [[{}, vrrp.unknownVrids] as const]),
    ]),
    family('keepalived_vrrp_timer_worst_lateness_seconds', 'How late a timer of VRRP was served at worst.', 'gauge', [
      ...(vrrp?.lateness === undefined ? [] : [[{}, vrrp.lateness.worst / 1_000_000] as const]),
    ]),
  ];
}

const TRAFFIC: readonly (readonly [string, string, keyof TrafficSnapshot])[] = [
  ['connections_total', 'Connections.', 'connections'],
  ['in_packets_total', 'Packets from clients.', 'inPackets'],
  ['out_packets_total', 'Packets to clients.', 'outPackets'],
  ['in_bytes_total', 'Octets from clients.', 'inBytes'],
  ['out_bytes_total', 'Octets to clients.', 'outBytes'],
];

interface Backend {
  readonly labels: Labels;
  readonly kernel: DestinationSnapshot | null;
  /** Undefined for a sorry server, which nobody checks. */
  readonly up: boolean | undefined;
}

function lvsFamilies(lvs: LvsSnapshot | undefined): Family[] {
  const services = lvs?.virtualServers ?? [];
  const backends = services.flatMap(backendsOf);
  const of = (value: (service: VirtualServerSnapshot) => number) =>
    services.map((service) => [{ service: service.key }, value(service)] as const);
  const present = (value: (kernel: DestinationSnapshot) => number | string) =>
    backends.flatMap(({ labels, kernel }) => (kernel === null ? [] : [[labels, value(kernel)] as const]));
  return [
    family('keepalived_lvs_service_quorum', 'Whether the quorum is reached.', 'gauge', [
      ...of((service) => Number(service.quorumState === 'up')),
    ]),
    family('keepalived_lvs_service_real_servers_up', 'Real servers that are up.', 'gauge', [
      ...of((service) => service.realServersUp),
    ]),
    family('keepalived_lvs_service_real_servers', 'Real servers.', 'gauge', [
      ...of((service) => service.realServers.length),
    ]),
    ...TRAFFIC.map(([name, help, member]) =>
      family(
        `keepalived_lvs_service_${name}`,
        `${help.replace('.', '')} of a virtual server.`,
        'counter',
        services.flatMap(({ key, traffic }) =>
          traffic === null ? [] : [[{ service: key }, traffic[member]] as const],
        ),
      ),
    ),
    family(
      'keepalived_lvs_server_up',
      'Whether the checks of a real server succeed.',
      'gauge',
      backends.flatMap(({ labels, up }) => (up === undefined ? [] : [[labels, Number(up)] as const])),
    ),
    family(
      'keepalived_lvs_server_weight',
      'Weight in the kernel.',
      'gauge',
      present(({ weight }) => weight),
    ),
    family(
      'keepalived_lvs_server_active_connections',
      'Active connections.',
      'gauge',
      present(({ connections }) => connections.active),
    ),
    family(
      'keepalived_lvs_server_inactive_connections',
      'Inactive connections.',
      'gauge',
      present(({ connections }) => connections.inactive),
    ),
    ...TRAFFIC.map(([name, help, member]) =>
      family(
        `keepalived_lvs_server_${name}`,
        `${help.replace('.', '')} of a real server.`,
        'counter',
        present(({ traffic }) => traffic[member]),
      ),
    ),
  ];
}

function backendsOf({ key, realServers, sorryServer }: VirtualServerSnapshot): Backend[] {
  return [
    ...(sorryServer === null
      ? []
      : [{ labels: { service: key, server: sorryServer.key, sorry: 1 }, kernel: sorryServer.kernel, up: undefined }]),
    ...realServers.map((server) => ({
      labels: { service: key, server: server.key },
      kernel: server.kernel,
      up: server.state === 'up',
    })),
  ];
}
