import type { Command, KeepalivedConfig, VirtualAddress, VrrpInstance } from '@keepfleet/config';
import { toSeconds } from '@keepfleet/machine';
import type { RouterCounters, RouterSnapshot, VrrpSnapshot } from '@keepfleet/vrrp';

// What keepalived writes into files when it is sent a signal: its own names, which programs that watch it read.

const STATES = { initialize: 0, backup: 1, master: 2, fault: 3 } as const;
const SCOPES: Readonly<Record<number, string>> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' };
const MASK = '********';

/** Version 1 is a list of instances, version 2 an object with more beside it. */
export function jsonDump(config: KeepalivedConfig, snapshot: VrrpSnapshot): string {
  const vrrp = snapshot.instances.flatMap((router) => {
    const instance = config.vrrpInstances.find(({ name }) => name === router.name);
    return instance === undefined ? [] : [{ data: data(instance, router), stats: stats(router.counters) }];
  });
  return JSON.stringify(config.globalDefs.dumps.jsonVersion === 1 ? vrrp : { vrrp, track_process: [] });
}

/** Counters, as keepalived prints them. */
export function statsDump(snapshot: VrrpSnapshot): string {
  return snapshot.instances
    .map(({ name, counters }) => {
      const all = stats(counters);
      return [
        `VRRP Instance: ${name}`,
        '  Advertisements:',
        `    Received: ${all.advert_rcvd}`,
        `    Sent: ${all.advert_sent}`,
        `  Became master: ${all.become_master}`,
        `  Released master: ${all.release_master}`,
        '  Packet Errors:',
        `    Length: ${all.packet_len_err}`,
        `    TTL: ${all.ip_ttl_err}`,
        `    Invalid Type: ${all.invalid_type_rcvd}`,
        `    Advertisement Interval: ${all.advert_interval_err}`,
        `    Address List: ${all.addr_list_err}`,
        '  Authentication Errors:',
        `    Invalid Type: ${all.invalid_authtype}`,
        `    Type Mismatch: ${all.authtype_mismatch}`,
        `    Failure: ${all.auth_failure}`,
        '  Priority Zero:',
        `    Received: ${all.pri_zero_rcvd}`,
        `    Sent: ${all.pri_zero_sent}`,
        '',
      ].join('\n');
    })
    .join('');
}

/** The state of all instances in keepalived's words. */
export function stateDump(config: KeepalivedConfig, snapshot: VrrpSnapshot): string {
  const lines = ['------< VRRP Topology >------'];
  for (const router of snapshot.instances) {
    const instance = config.vrrpInstances.find(({ name }) => name === router.name);
    if (instance !== undefined) lines.push(...instanceLines(instance, router));
  }
  const { lateness } = snapshot;
  if (lateness !== undefined)
    lines.push(
      '------< Timers >------',
      ` Worst lateness = ${lateness.worst} usecs`,
      ` Served late = ${lateness.late} of ${lateness.deadlines}`,
    );
  return `${lines.join('\n')}\n`;
}

function instanceLines(instance: VrrpInstance, router: RouterSnapshot): string[] {
  const yes = (value: boolean) => (value ? 'enabled' : 'disabled');
  const since = router.since / 1_000;
  const list = (title: string, items: readonly string[]) =>
    items.length === 0 ? [] : [`   ${title} (${items.length}):`, ...items.map((item) => `     ${item}`)];
  return [
    ` VRRP Instance = ${instance.name}`,
    `   VRRP Version = ${instance.version}`,
    `   State = ${router.state === 'initialize' ? 'INIT' : router.state.toUpperCase()}`,
    `   Wantstate = ${router.wantedState === 'initialize' ? 'INIT' : router.wantedState.toUpperCase()}`,
    `   Last transition = ${since.toFixed(6)} (${new Date(router.since).toUTCString()})`,
    `   Master down timer = ${router.masterDownInterval} usecs`,
    `   Interface = ${instance.interface}`,
    ...(instance.virtualInterface === undefined ? [] : [`   VMAC interface = ${instance.virtualInterface.name}`]),
    ...(router.source === undefined ? [] : [`   Using src_ip = ${router.source}`]),
    ...(router.master === undefined ? [] : [`   Master router = ${router.master.address}`]),
    ...(router.master === undefined ? [] : [`   Master priority = ${router.master.priority}`]),
    ...(router.mcastGroup === undefined ? [] : [`   Multicast address ${router.mcastGroup}`]),
    `   Gratuitous ARP delay = ${instance.garp.masterDelay / 1_000_000}`,
    `   Gratuitous ARP repeat = ${instance.garp.masterRepeat}`,
    `   Gratuitous ARP refresh = ${instance.garp.masterRefresh / 1_000_000}`,
    ...(instance.garp.extraInterval === 0
      ? []
      : [
          `   Gratuitous ARP for each secondary ${instance.garp.extraOnAll ? 'i/f' : 'VMAC'} = ${instance.garp.extraInterval / 1_000_000}`,
        ]),
    `   Down timer adverts = ${instance.downTimerAdverts}`,
    `   Virtual Router ID = ${instance.virtualRouterId}`,
    `   Priority = ${router.basePriority}`,
    `   Effective priority = ${router.effectivePriority}`,
    `   Advert interval = ${toSeconds(router.advertInterval)} sec`,
    `   Accept = ${yes(instance.accept)}`,
    `   Preempt = ${yes(router.preempt)}`,
    `   Promote_secondaries = ${yes(instance.promoteSecondaries)}`,
    `   Authentication type = ${authType(instance)}`,
    ...list('Virtual IP', addressTexts(instance.addresses, router)),
    ...list('Virtual IP Excluded', addressTexts(instance.excludedAddresses, router)),
    ...list(
      'Virtual Routes',
      instance.routes.map(({ entry }) => entry.text),
    ),
    ...list(
      'Virtual Rules',
      instance.rules.map(({ entry }) => entry.text),
    ),
  ];
}

function data(instance: VrrpInstance, router: RouterSnapshot) {
  const { garp, notify } = instance;
  const flag = (value: boolean) => (value ? 1 : 0);
  const optional = (name: string, items: readonly string[]) => (items.length === 0 ? {} : { [name]: items });
  const script = (name: string, command: Command | undefined) =>
    command === undefined ? {} : { [name]: command.argv.join(' ') };
  return {
    iname: instance.name,
    dont_track_primary: flag(!instance.trackPrimary),
    skip_check_adv_addr: flag(instance.skipCheckAdvertAddresses),
    strict_mode: flag(instance.strict),
    vmac_ifname: instance.virtualInterface?.name ?? '',
    ifp_ifname: instance.interface,
    master_priority: router.state === 'backup' ? (router.master?.priority ?? 0) : 0,
    last_transition: router.since / 1_000,
    garp_delay: garp.masterDelay / 1_000_000,
    garp_refresh: garp.masterRefresh / 1_000_000,
    garp_rep: garp.masterRepeat,
    garp_refresh_rep: garp.masterRefreshRepeat,
    garp_lower_prio_delay: garp.lowerPriorityDelay / 1_000_000,
    garp_lower_prio_rep: garp.lowerPriorityRepeat,
    lower_prio_no_advert: flag(instance.lowerPriorityNoAdvert),
    higher_prio_send_advert: flag(instance.higherPrioritySendAdvert),
    vrid: instance.virtualRouterId,
    base_priority: router.basePriority,
    effective_priority: router.effectivePriority,
    vipset: router.state === 'master',
    promote_secondaries: instance.promoteSecondaries,
    adver_int: toSeconds(router.advertInterval),
    master_adver_int: toSeconds(router.masterAdvertInterval),
    accept: flag(instance.accept),
    nopreempt: !router.preempt,
    preempt_delay: instance.preemptDelay / 1_000_000,
    state: STATES[router.state],
    wantstate: STATES[router.wantedState],
    version: instance.version,
    smtp_alert: instance.smtpAlert,
    notify_deleted: notify.deleted !== undefined,
    ...script('script_backup', notify.backup),
    ...script('script_master', notify.master),
    ...script('script_fault', notify.fault),
    ...script('script_stop', notify.stop),
    ...script('script_deleted', notify.deleted),
    ...script('script', notify.any),
    ...script('script_master_rx_lower_pri', notify.masterHeardLowerPriority),
    ...optional('vips', addressTexts(instance.addresses, router)),
    ...optional('evips', addressTexts(instance.excludedAddresses, router)),
    ...optional(
      'vroutes',
      instance.routes.map(({ entry }) => entry.text),
    ),
    ...optional(
      'vrules',
      instance.rules.map(({ entry }) => entry.text),
    ),
    ...optional(
      'track_ifp',
      instance.trackInterfaces.map(({ name }) => name),
    ),
    ...optional(
      'track_script',
      instance.trackScripts.map(({ name }) => name),
    ),
    ...optional(
      'track_process',
      instance.trackProcesses.map(({ name }) => name),
    ),
    ...(instance.version === 2
      ? {
          auth_type: { none: 0, PASS: 1, AH: 2 }[instance.authentication?.type ?? 'none'],
          ...(instance.authentication === undefined ? {} : { auth_data: MASK }),
        }
      : {}),
  };
}

function stats({ errors, ...counters }: RouterCounters) {
  return {
    advert_rcvd: counters.advertsReceived,
    advert_sent: counters.advertsSent,
    become_master: counters.becameMaster,
    release_master: counters.releasedMaster,
    packet_len_err: errors.length,
    advert_interval_err: errors['advert-interval'],
    ip_ttl_err: errors.ttl,
    invalid_type_rcvd: errors.type,
    addr_list_err: errors['address-list'],
    // keepalived tells a type that is none from one that is not ours; here either is another than ours.
    invalid_authtype: 0,
    authtype_mismatch: errors['auth-type'],
    auth_failure: errors['auth-failure'],
    auth_ext_missing: errors['auth-missing'],
    auth_ext_malformed: errors['auth-malformed'],
    auth_ext_unknown_key: errors['auth-unknown-key'],
    auth_ext_invalid_hmac: errors['auth-invalid'],
    auth_ext_stale: errors['auth-stale'],
    auth_ext_replay: errors['auth-replay'],
    pri_zero_rcvd: counters.priorityZeroReceived,
    pri_zero_sent: counters.priorityZeroSent,
  };
}

function addressTexts(addresses: readonly VirtualAddress[], router: RouterSnapshot): string[] {
  return addresses.map(({ address, prefixLength, interface: name, scope, label }) => {
    const set = router.addresses.some((one) => one.address === address && one.interface === name && one.installed);
    return [
      `${address}/${prefixLength} dev ${name} scope ${SCOPES[scope ?? 0] ?? String(scope)}`,
      ...(label === undefined ? [] : [`label ${label}`]),
      ...(set ? ['set'] : []),
    ].join(' ');
  });
}

function authType({ authentication }: VrrpInstance): string {
  if (authentication === undefined) return 'none';
  return authentication.type === 'AH' ? 'IPSEC_AH' : 'SIMPLE_PASSWORD';
}
