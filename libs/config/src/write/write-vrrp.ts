import { familyOf } from '@keepfleet/wire';
import type { GlobalDefs, NotifyCommands, SyncGroup, VrrpInstance, VrrpScript } from '../model/model.ts';
import type { TrackedName, VirtualAddress } from '../model/parts.ts';
import { type Line, commandText, onOff, optional, secondsText, when, wordText, wordsText } from './text.ts';

/** What holds where neither the instance nor global_defs, which is written without them, has other values. */
const LOWER_PRIORITY_DELAY = 5_000_000;
const LOWER_PRIORITY_REPEAT = 5;

export function instanceLines(instance: VrrpInstance, globals: GlobalDefs): Line {
  const { strict, garp, priority, family, unicastPeers, sourceAddress, authentication } = instance;
  const group = family === 'ipv4' ? globals.multicastGroup4 : globals.multicastGroup6;
  // Without any address, nothing else would tell.
  const silent = instance.addresses.length === 0 && unicastPeers.length === 0 && sourceAddress === undefined;
  const accepts = !strict || priority === 255;
  return [
    `vrrp_instance ${wordText(instance.name)}`,
    [
      `state ${instance.initialState.toUpperCase()}`,
      `interface ${wordText(instance.interface)}`,
      `virtual_router_id ${instance.virtualRouterId}`,
      `version ${instance.version}`,
      `priority ${priority}`,
      `advert_int ${secondsText(instance.advertInterval)}`,
      ...when(strict || globals.strict, `strict_mode ${onOff(strict)}`),
      ...when(silent && family === 'ipv6', 'native_ipv6'),
      ...(authentication === undefined
        ? []
        : [
            [
              'authentication',
              [`auth_type ${authentication.type}`, `auth_pass ${wordText(authentication.password)}`],
            ] as const,
          ]),
      ...hmacLines(instance),
      ...interfaceLines(instance),
      ...when(instance.promoteSecondaries, 'promote_secondaries'),
      ...optional(unicastPeers.length > 0 ? 'unicast_src_ip' : 'mcast_src_ip', sourceAddress, (address) => address),
      ...block(
        'unicast_peer',
        unicastPeers.map(({ address, minTtl, maxTtl }) =>
          [
            address,
            ...(minTtl === 0 ? [] : [`min_ttl ${minTtl}`]),
            ...(maxTtl === 255 ? [] : [`max_ttl ${maxTtl}`]),
          ].join(' '),
        ),
      ),
      ...when(instance.multicastGroup !== group, `mcast_dst_ip ${instance.multicastGroup}`),
      ...when(instance.unicastTtl !== 255, `unicast_ttl ${instance.unicastTtl}`),
      ...when(instance.unicastFaultNoPeer, 'unicast_fault_no_peer'),
      ...when(instance.checkUnicastSource, 'check_unicast_src'),
      ...when(!instance.trackPrimary, 'dont_track_primary'),
      ...trackLines(instance),
      ...when(!instance.preempt, 'nopreempt'),
      ...when(instance.preemptDelay > 0, `preempt_delay ${secondsText(instance.preemptDelay)}`),
      ...when(instance.accept !== accepts, instance.accept ? 'accept' : 'no_accept'),
      ...when(instance.downTimerAdverts !== 3, `down_timer_adverts ${instance.downTimerAdverts}`),
      ...when(!strict && instance.lowerPriorityNoAdvert, 'lower_prio_no_advert on'),
      ...when(instance.higherPrioritySendAdvert, 'higher_prio_send_advert on'),
      ...when(instance.skipCheckAdvertAddresses, 'skip_check_adv_addr on'),
      ...when(instance.trackSource, 'track_src_ip'),
      ...when(instance.oldUnicastChecksum === 'always', 'old_unicast_checksum'),
      ...when(instance.oldUnicastChecksum === 'never', 'old_unicast_checksum never'),
      ...optional('timer_expired_backup', instance.timerExpiredBackup, String),
      ...when(!strict && instance.ownerIgnoreAdverts, 'owner_ignore_adverts on'),
      ...when(instance.v3ChecksumAsV2, 'v3_checksum_as_v2 on'),
      `garp_master_delay ${secondsText(garp.masterDelay)}`,
      `garp_master_repeat ${garp.masterRepeat}`,
      ...when(garp.masterRefresh > 0, `garp_master_refresh ${secondsText(garp.masterRefresh)}`),
      ...when(garp.masterRefreshRepeat !== 1, `garp_master_refresh_repeat ${garp.masterRefreshRepeat}`),
      ...when(
        garp.extraInterval > 0,
        `garp_extra_if ${garp.extraOnAll ? 'all ' : ''}${secondsText(garp.extraInterval)}`,
      ),
      ...when(
        garp.lowerPriorityDelay !== LOWER_PRIORITY_DELAY,
        `garp_lower_prio_delay ${secondsText(garp.lowerPriorityDelay)}`,
      ),
      ...when(
        !strict && garp.lowerPriorityRepeat !== LOWER_PRIORITY_REPEAT,
        `garp_lower_prio_repeat ${garp.lowerPriorityRepeat}`,
      ),
      ...addressBlock('virtual_ipaddress', instance.addresses, instance),
      ...when(instance.addresses.length === 0, 'no_virtual_ipaddress'),
      ...addressBlock('virtual_ipaddress_excluded', instance.excludedAddresses, instance),
      ...block(
        'virtual_routes',
        instance.routes.map(({ words }) => wordsText(words)),
      ),
      ...block(
        'virtual_rules',
        instance.rules.map(({ words }) => wordsText(words)),
      ),
      ...notifyLines(instance.notify),
      ...when(instance.smtpAlert !== vrrpAlert(globals), `smtp_alert ${onOff(instance.smtpAlert)}`),
    ],
  ];
}

export function groupLines(group: SyncGroup, globals: GlobalDefs): Line {
  return [
    `vrrp_sync_group ${wordText(group.name)}`,
    [
      ['group', group.members.map(wordText)],
      ...trackLines(group),
      ...when(group.trackingWeight, 'sync_group_tracking_weight'),
      ...notifyLines(group.notify),
      ...when(group.smtpAlert !== vrrpAlert(globals), `smtp_alert ${onOff(group.smtpAlert)}`),
    ],
  ];
}

export function scriptLines(script: VrrpScript): Line {
  return [
    `vrrp_script ${wordText(script.name)}`,
    [
      `script ${commandText(script.command)}`,
      `interval ${secondsText(script.interval)}`,
      `timeout ${secondsText(script.timeout)}`,
      `weight ${script.weight}${script.reverse ? ' reverse' : ''}`,
      `rise ${script.rise}`,
      `fall ${script.fall}`,
      ...when(script.initiallyFailed, 'init_fail'),
    ],
  ];
}

function hmacLines({ hmac }: VrrpInstance): readonly Line[] {
  if (hmac === undefined) return [];
  return [
    [
      'auth_hmac',
      [
        ...hmac.keys.map(({ id, secret }) => `key ${id} hex:${secret}`),
        `active_key ${hmac.activeKey}`,
        `time_window ${secondsText(hmac.window)}`,
        `anti_replay ${hmac.antiReplay}`,
        `mode ${hmac.mode}`,
      ],
    ],
  ];
}

function interfaceLines({ virtualInterface: made }: VrrpInstance): readonly Line[] {
  if (made === undefined) return [];
  const address = made.address === undefined ? [] : [`${made.address.address}/${made.address.prefixLength}`];
  return [
    made.kind === 'macvlan'
      ? [
          'use_vmac',
          wordText(made.name),
          ...(made.mac === undefined ? [] : [made.mac]),
          ...(made.group === undefined ? [] : [`group ${made.group}`]),
        ].join(' ')
      : ['use_ipvlan', wordText(made.name), ...address, made.mode ?? 'bridge'].join(' '),
    ...when(made.transmitBase, 'vmac_xmit_base'),
  ];
}

type Owner = Pick<VrrpInstance, 'interface' | 'family' | 'virtualInterface' | 'addressInterfaces'>;

/** A block of address lines; what is on the owner's own interface needs no `dev`. */
export function addressBlock(keyword: string, addresses: readonly VirtualAddress[], owner?: Owner) {
  return block(
    keyword,
    addresses.map((address) => addressText(address, owner)),
  );
}

/** Where an address is, as a line says it: an interface that is made has no name there. */
function deviceWords(line: VirtualAddress, owner: Owner | undefined): string[] {
  if (owner === undefined) return [`dev ${wordText(line.interface)}`];
  const made = owner.addressInterfaces.find(({ name }) => name === line.interface);
  if (made !== undefined) return [`dev ${wordText(made.base)}`, 'use_vmac'];
  const usual =
    owner.virtualInterface !== undefined && familyOf(line.address) === owner.family
      ? owner.virtualInterface.name
      : owner.interface;
  return line.interface === usual ? [] : [`dev ${wordText(line.interface)}`];
}

export function block(keyword: string, items: readonly string[]): readonly Line[] {
  return items.length === 0 ? [] : [[keyword, items]];
}

function addressText(line: VirtualAddress, owner: Owner | undefined): string {
  const { address, prefixLength, peer, preferredLifetime } = line;
  const usual = familyOf(address) === 'ipv6' && prefixLength === 128 ? 0 : 'forever';
  return [
    `${address}/${prefixLength}`,
    ...deviceWords(line, owner),
    // A broadcast address behind a peer would have no effect.
    ...(line.broadcast === undefined ? [] : [`brd ${line.broadcast}`]),
    ...(line.scope === undefined ? [] : [`scope ${line.scope}`]),
    ...(line.label === undefined ? [] : [`label ${wordText(line.label)}`]),
    ...(peer === undefined ? [] : [`peer ${peer.address}/${peer.prefixLength}`]),
    ...(preferredLifetime === usual ? [] : [`preferred_lft ${preferredLifetime}`]),
    ...(line.home ? ['home'] : []),
    ...(line.noDad ? [] : ['-nodad']),
    ...(line.manageTemporary ? ['mngtmpaddr'] : []),
    ...(line.noPrefixRoute ? ['noprefixroute'] : []),
    ...(line.autoJoin ? ['autojoin'] : []),
    ...(line.tracked ? [] : ['no_track']),
    ...(line.trackGroup === undefined ? [] : [`track_group ${wordText(line.trackGroup)}`]),
  ].join(' ');
}

type Tracking = Pick<SyncGroup, 'trackInterfaces' | 'trackScripts' | 'trackFiles' | 'trackProcesses' | 'trackBfd'>;

function trackLines(owner: Tracking): readonly Line[] {
  return [
    ...block('track_interface', owner.trackInterfaces.map(trackedText)),
    ...block('track_script', owner.trackScripts.map(trackedText)),
    ...block('track_file', owner.trackFiles.map(trackedText)),
    ...block('track_process', owner.trackProcesses.map(trackedText)),
    ...block('track_bfd', owner.trackBfd.map(trackedText)),
  ];
}

function trackedText({ name, weight, reverse }: TrackedName): string {
  return `${wordText(name)}${weight === undefined ? '' : ` weight ${weight}${reverse ? ' reverse' : ''}`}`;
}

function notifyLines(notify: NotifyCommands): readonly Line[] {
  return [
    ...optional('notify_master', notify.master, commandText),
    ...optional('notify_backup', notify.backup, commandText),
    ...optional('notify_fault', notify.fault, commandText),
    ...optional('notify_stop', notify.stop, commandText),
    ...optional('notify_deleted', notify.deleted, commandText),
    ...optional('notify', notify.any, commandText),
    ...optional('notify_master_rx_lower_pri', notify.masterHeardLowerPriority, commandText),
    ...when(notify.priorityChanges === true, 'notify_priority_changes on'),
  ];
}

function vrrpAlert({ smtpAlertVrrp, smtpAlert }: GlobalDefs): boolean {
  return smtpAlertVrrp ?? smtpAlert ?? false;
}
