import type { Command, KeepalivedConfig, TrackProcess, VirtualAddress, VrrpInstance } from '@keepfleet/config';
import { toSeconds } from '@keepfleet/machine';
import type { RouterCounters, RouterSnapshot, TrackerSnapshot, VrrpSnapshot } from '@keepfleet/vrrp';
import { addressLine, commandLine, routeLine, ruleLine } from './dump-lines.ts';

// What keepalived writes into files when it is sent a signal: its own names, which programs that watch it read.

const STATES = { initialize: 0, backup: 1, master: 2, fault: 3 } as const;
const MASK = '********';

/** Version 1 is a list of instances, version 2 an object with more beside it. */
export function jsonDump(config: KeepalivedConfig, snapshot: VrrpSnapshot): string {
  const vrrp = snapshot.instances.flatMap((router) => {
    const instance = config.vrrpInstances.find(({ name }) => name === router.name);
    return instance === undefined ? [] : [{ data: data(config, instance, router), stats: stats(router.counters) }];
  });
  if (config.globalDefs.dumps.jsonVersion === 1) return JSON.stringify(vrrp);
  const processes = config.trackProcesses.map((one) => trackedProcess(one, stateOf(one, snapshot)));
  return JSON.stringify({ vrrp, ...(processes.length === 0 ? {} : { track_process: processes }) });
}

/** As the first instance that tracks it has it: it is one and the same for all. */
function stateOf({ name }: TrackProcess, { instances }: VrrpSnapshot): TrackerSnapshot | undefined {
  return instances
    .flatMap(({ trackers }) => trackers)
    .find((tracker) => tracker.type === 'process' && tracker.name === name);
}

function trackedProcess(process: TrackProcess, tracker: TrackerSnapshot | undefined) {
  const { quorum, quorumMax } = process;
  const [program = '', ...parameters] = process.command;
  const running = tracker?.value ?? 0;
  const has = tracker?.state === 'up';
  const enough = running >= quorum && (quorumMax === undefined || running <= quorumMax);
  // What is not yet as the count says waits for the delay of whatever changed the count.
  const tooMany = quorumMax !== undefined && running > quorumMax;
  const waits = tracker !== undefined && tracker.state !== 'unknown' && enough !== has;
  return {
    process: program,
    ...(parameters.length === 0 ? {} : { parameters: parameters.join(' ') }),
    param_match: parameters.length === 0 ? 'none' : process.parameters,
    min_processes: quorum,
    ...(quorumMax === undefined ? {} : { max_processes: quorumMax }),
    current_processes: running,
    have_quorum: has,
    weight: process.reverse ? -process.weight : process.weight,
    terminate_delay: process.terminateDelay / 1_000_000,
    fork_delay: process.forkDelay / 1_000_000,
    fork_delay_timer_running: waits && (enough || tooMany),
    terminate_delay_timer_running: waits && !enough && !tooMany,
    full_command: process.fullCommand,
  };
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
    if (instance !== undefined) lines.push(...instanceLines(config, instance, router));
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

function instanceLines(config: KeepalivedConfig, instance: VrrpInstance, router: RouterSnapshot): string[] {
  const yes = (value: boolean) => (value ? 'enabled' : 'disabled');
  const { garp, virtualInterface, sourceAddress } = instance;
  const seconds = (micros: number) => micros / 1_000_000;
  const list = (title: string, items: readonly string[]) =>
    items.length === 0 ? [] : [`   ${title} :`, ...items.map((item) => `     ${item}`)];
  const flags = [
    ...(instance.unicastPeers.length > 0 ? ['Using unicast'] : []),
    ...(instance.trackPrimary ? [] : ['Tracking primary interface disabled']),
    ...(instance.skipCheckAdvertAddresses ? ['Skip checking advert IP addresses'] : []),
    ...(instance.strict ? ['Enforcing strict VRRP compliance'] : []),
  ];
  const source = router.source === undefined ? [] : [`   Using src_ip = ${router.source}`];
  return [
    ` VRRP Instance = ${instance.name}`,
    `   VRRP Version = ${instance.version}`,
    `   State = ${stateText(router.state)}`,
    ...(flags.length === 0 ? ['   Flags: none'] : ['   Flags:', ...flags.map((flag) => `     ${flag}`)]),
    `   Wantstate = ${stateText(router.wantedState)}`,
    `   Number of interface and track script faults = ${router.causes.length}`,
    `   Last transition = ${timeText(router.since)}`,
    `   Master down timer = ${router.masterDownInterval} usecs`,
    ...(virtualInterface === undefined
      ? [`   Interface = ${instance.interface}`]
      : [
          `   Use VMAC, i/f name ${virtualInterface.name}, is_up = ${router.state !== 'fault'}, xmit_base = ${virtualInterface.transmitBase}`,
          `   Interface = ${virtualInterface.name}, vmac on ${instance.interface}`,
        ]),
    ...source.map((line) => (sourceAddress === router.source ? `${line} (from configuration)` : line)),
    ...(router.master === undefined || router.state !== 'backup'
      ? []
      : [
          `   Master router = ${router.master.address}`,
          `   Master priority = ${router.master.priority}`,
          ...(instance.version === 3
            ? [`   Master advert interval = ${intervalText(router.masterAdvertInterval)}`]
            : []),
        ]),
    ...(router.mcastGroup === undefined ? [] : [`   Multicast address ${router.mcastGroup}`]),
    `   Gratuitous ARP delay = ${seconds(garp.masterDelay)}`,
    `   Gratuitous ARP repeat = ${garp.masterRepeat}`,
    `   Gratuitous ARP refresh = ${seconds(garp.masterRefresh)}`,
    `   Gratuitous ARP refresh repeat = ${garp.masterRefreshRepeat}`,
    `   Gratuitous ARP lower priority delay = ${seconds(garp.lowerPriorityDelay)}`,
    `   Gratuitous ARP lower priority repeat = ${garp.lowerPriorityRepeat}`,
    ...(garp.extraInterval === 0
      ? []
      : [`   Gratuitous ARP for each secondary ${garp.extraOnAll ? 'i/f' : 'VMAC'} = ${seconds(garp.extraInterval)}`]),
    `   Down timer adverts = ${instance.downTimerAdverts}`,
    `   Send advert after receive lower priority advert = ${!instance.lowerPriorityNoAdvert}`,
    `   Send advert after receive higher priority advert = ${instance.higherPrioritySendAdvert}`,
    `   Virtual Router ID = ${instance.virtualRouterId}`,
    `   Priority = ${router.basePriority}`,
    `   Effective priority = ${router.effectivePriority}`,
    `   Advert interval = ${intervalText(router.advertInterval)}`,
    `   Accept = ${yes(instance.accept)}`,
    `   Preempt = ${yes(router.preempt)}`,
    ...(instance.preemptDelay === 0 ? [] : [`   Preempt delay = ${seconds(instance.preemptDelay)} secs`]),
    `   Promote_secondaries = ${yes(instance.promoteSecondaries)}`,
    ...(instance.authentication === undefined
      ? []
      : [`   Authentication type = ${instance.authentication.type === 'AH' ? 'IPSEC_AH' : 'SIMPLE_PASSWORD'}`]),
    ...list(`Virtual IP (${instance.addresses.length})`, addressLines(instance.addresses, instance, router)).map(
      (line, i) => (i === 0 ? line.replace(' :', ':') : line),
    ),
    ...list('Virtual IP Excluded', addressLines(instance.excludedAddresses, instance, router)),
    ...(instance.unicastPeers.length === 0
      ? []
      : [
          `   Unicast TTL = ${instance.unicastTtl}`,
          `   Check unicast src : ${instance.checkUnicastSource ? 'yes' : 'no'}`,
        ]),
    ...list(
      'Unicast Peer',
      instance.unicastPeers.map(({ address, minTtl, maxTtl }) => `${address} min_ttl ${minTtl} max_ttl ${maxTtl}`),
    ),
    ...list(
      'Virtual Routes',
      instance.routes.map(({ entry }) => routeLine(entry)),
    ),
    ...list(
      'Virtual Rules',
      instance.rules.map(({ entry }) => ruleLine(entry)),
    ),
    ...list('Tracked interfaces', tracked(instance.trackInterfaces, [], ' ')),
    ...list('Tracked scripts', tracked(instance.trackScripts, config.scripts, ' ')),
    ...list('Tracked files', tracked(instance.trackFiles, config.trackFiles, ', ')),
    ...list('Tracked processes', tracked(instance.trackProcesses, config.trackProcesses, ', ')),
    `   Using smtp notification = ${instance.smtpAlert ? 'yes' : 'no'}`,
    ...Object.entries(transitionScripts(instance)).flatMap(([name, command]) =>
      command === undefined ? [] : [`   ${name} script = ${commandLine(command)}`],
    ),
    `   Notify priority changes = ${instance.notify.priorityChanges === true}`,
  ];
}

/** In keepalived's order. */
function transitionScripts({ notify }: VrrpInstance): Readonly<Record<string, Command | undefined>> {
  return {
    'Backup state transition': notify.backup,
    'Master state transition': notify.master,
    'Fault state transition': notify.fault,
    'Stop state transition': notify.stop,
    'Deleted state transition': notify.deleted,
    'Generic state transition': notify.any,
    'Master rx lower pri': notify.masterHeardLowerPriority,
  };
}

/** `between`: the name and its weight. */
function tracked(
  names: VrrpInstance['trackScripts'],
  objects: readonly { readonly name: string; readonly weight: number; readonly reverse: boolean }[],
  between: string,
): string[] {
  return names.map((one) => {
    const object = objects.find(({ name }) => name === one.name);
    const reverse = one.weight === undefined ? object?.reverse === true : one.reverse;
    return `${one.name}${between}weight ${one.weight ?? object?.weight ?? 0}${reverse ? ' reverse' : ''}`;
  });
}

function stateText(state: RouterSnapshot['state']): string {
  return state === 'initialize' ? 'INIT' : state.toUpperCase();
}

/** `since`: milliseconds since 1970. */
function timeText(since: number): string {
  const [day, month, date, year, time] = new Date(since).toString().split(' ');
  const micros = (since % 1_000) * 1_000;
  const clock = `${time}.${Math.round(micros).toString().padStart(6, '0')}`;
  return `${(since / 1_000).toFixed(6)} (${day} ${month} ${String(Number(date)).padStart(2)} ${clock} ${year})`;
}

function intervalText(interval: RouterSnapshot['advertInterval']): string {
  const seconds = toSeconds(interval);
  return Number.isInteger(seconds) ? `${seconds} sec` : `${seconds * 1_000} milli-sec`;
}

function data(config: KeepalivedConfig, instance: VrrpInstance, router: RouterSnapshot) {
  const { garp, notify } = instance;
  const flag = (value: boolean) => (value ? 1 : 0);
  const wholeSeconds = (micros: number) => Math.trunc(micros / 1_000_000);
  const optional = (name: string, items: readonly string[]) => (items.length === 0 ? {} : { [name]: items });
  const script = (name: string, command: Command | undefined) =>
    command === undefined ? {} : { [name]: commandLine(command) };
  const named = <T extends { readonly name: string }>(objects: readonly T[], names: VrrpInstance['trackScripts']) =>
    names.flatMap(({ name }) => objects.find((one) => one.name === name) ?? []);
  return {
    iname: instance.name,
    dont_track_primary: flag(!instance.trackPrimary),
    skip_check_adv_addr: flag(instance.skipCheckAdvertAddresses),
    strict_mode: flag(instance.strict),
    vmac_ifname: instance.virtualInterface?.name ?? '',
    ifp_ifname: instance.virtualInterface?.name ?? instance.interface,
    master_priority: router.state === 'backup' ? (router.master?.priority ?? 0) : 0,
    last_transition: router.since / 1_000,
    garp_delay: garp.masterDelay / 1_000_000,
    garp_refresh: wholeSeconds(garp.masterRefresh),
    garp_rep: garp.masterRepeat,
    garp_refresh_rep: garp.masterRefreshRepeat,
    garp_lower_prio_delay: wholeSeconds(garp.lowerPriorityDelay),
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
    preempt_delay: wholeSeconds(instance.preemptDelay),
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
    ...optional('vips', addressLines(instance.addresses, instance, router)),
    ...optional('evips', addressLines(instance.excludedAddresses, instance, router)),
    ...optional(
      'vroutes',
      instance.routes.map(({ entry }) => routeLine(entry)),
    ),
    ...optional(
      'vrules',
      instance.rules.map(({ entry }) => ruleLine(entry)),
    ),
    ...optional(
      'track_ifp',
      instance.trackInterfaces.map(({ name }) => name),
    ),
    ...optional(
      'track_script',
      named(config.scripts, instance.trackScripts).map(({ command }) => commandLine(command)),
    ),
    ...optional(
      'track_process',
      named(config.trackProcesses, instance.trackProcesses).map(({ command }) => command[0] ?? ''),
    ),
    auth_type: { none: 0, PASS: 1, AH: 2 }[instance.authentication?.type ?? 'none'],
    ...(instance.authentication === undefined ? {} : { auth_data: MASK }),
  };
}

function addressLines(
  addresses: readonly VirtualAddress[],
  instance: VrrpInstance,
  router: RouterSnapshot,
): readonly string[] {
  return addresses.map((address) => {
    const same = (one: RouterSnapshot['addresses'][number]) =>
      one.address === address.address && one.interface === address.interface;
    return addressLine(address, instance, router.addresses.find(same)?.installed === true);
  });
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
    invalid_authtype: errors['auth-type-unknown'],
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
