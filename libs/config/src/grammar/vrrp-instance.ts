import { type Family, type IpAddress, familyOf } from '@keepfleet/wire';
import type { TrackedName } from '../model/parts.ts';
import type { RouteLine } from '../model/routing.ts';
import type { UnicastPeer } from '../model/model.ts';
import { type AddressLine, addressLine } from './address-line.ts';
import { type HmacLines, authHmac } from './auth-hmac.ts';
import type { Arguments } from './context.ts';
import { type ExtraInterfaces, extraInterfaces } from './extra-interfaces.ts';
import { syntax } from './form.ts';
import { type NotifySettings, notifyRows } from './notify.ts';
import {
  anyMulticast,
  type Command,
  address,
  addressWithoutPrefix,
  boolean,
  command,
  integer,
  interfaceName,
  oneOf,
  optional,
  seconds,
  vrrpVersion,
  wholeNumber,
} from './readers.ts';
import {
  type Draft,
  type Row,
  type Table,
  collects,
  deprecated,
  fixes,
  pending,
  readBlock,
  sets,
  setsOnce,
} from './rows.ts';
import { routeLine } from './route-line.ts';
import { type RuleDraft, ruleLine } from './rule-line.ts';
import { trackedName } from './tracking.ts';
import { type IpvlanLine, type VmacLine, ipvlanLine, vmacLine } from './vmac.ts';

/** The settings of `vrrp_instance` as written. */
export interface InstanceSettings extends NotifySettings {
  state: 'MASTER' | 'BACKUP';
  interface: string;
  virtualRouterId: number;
  priority: number;
  advertInterval: number;
  version: 2 | 3;
  authType: 'PASS' | 'AH';
  authPassword: string;
  addresses: readonly AddressLine[];
  excludedAddresses: readonly AddressLine[];
  noAddresses: boolean;
  routes: readonly RouteLine[];
  rules: readonly RuleDraft[];
  promoteSecondaries: boolean;
  hmac: Partial<HmacLines>;
  vmac: VmacLine;
  ipvlan: IpvlanLine;
  vmacAddresses: boolean;
  syncDaemonInterface: string;
  transmitBase: boolean;
  unicastSource: IpAddress;
  multicastSource: IpAddress;
  multicastGroup: IpAddress;
  unicastPeers: readonly UnicastPeer[];
  unicastTtl: number;
  unicastFaultNoPeer: boolean;
  checkUnicastSource: boolean;
  trackInterfaces: readonly TrackedName[];
  trackScripts: readonly TrackedName[];
  trackFiles: readonly TrackedName[];
  trackProcesses: readonly TrackedName[];
  trackBfd: readonly TrackedName[];
  trackPrimary: boolean;
  preempt: boolean;
  preemptDelay: number;
  accept: boolean;
  strict: boolean;
  skipCheckAdvertAddresses: boolean;
  ownerIgnoreAdverts: boolean;
  lowerPriorityNoAdvert: boolean;
  higherPrioritySendAdvert: boolean;
  garpMasterDelay: number;
  garpMasterRepeat: number;
  garpMasterRefresh: number;
  garpExtraInterfaces: ExtraInterfaces;
  garpMasterRefreshRepeat: number;
  garpLowerPriorityDelay: number;
  garpLowerPriorityRepeat: number;
  downTimerAdverts: number;
  v3ChecksumAsV2: boolean;
  deleted: Command;
  masterHeardLowerPriority: Command;
  smtpAlert: boolean;
  forceIpv6: boolean;
  oldUnicastChecksum: 'always' | 'never';
  trackSource: boolean;
  timerExpiredBackup: number;
}

type InstanceDraft = Draft<InstanceSettings>;

const LONGEST = 0xffff_ffff;
const MAX_PASSWORD = 8;
const garpExtraInterface: Row<InstanceDraft> = sets('garpExtraInterfaces', extraInterfaces(0));
const timerExpired: Row<InstanceDraft> = sets('timerExpiredBackup', optional(integer(1, 254), 1));
const oldChecksum = syntax('[never]', 'never', (args: Arguments): 'always' | 'never' =>
  args.takeIf('never') ? 'never' : 'always',
);

const authentication: Table<InstanceDraft> = {
  auth_type: sets('authType', oneOf('PASS', 'AH')),
  auth_pass: sets(
    'authPassword',
    syntax('PASSWORD', 'secret', (args: Arguments) => {
      const found = args.need('a password');
      if (found === undefined) return undefined;
      if (found.text.length > MAX_PASSWORD) {
        args.diagnostics.warning(
          'adjusted',
          found.at,
          `the password is cut to ${MAX_PASSWORD} characters, all that a packet carries`,
        );
      }
      if (!/^[\x20-\x7e]+$/.test(found.text)) return args.bad(found, 'a password of ASCII characters');
      return found.text.slice(0, MAX_PASSWORD);
    }),
  ),
};

/** `IP [min_ttl N] [max_ttl N]` */
const unicastPeer = syntax(
  'IP [min_ttl 0..255] [max_ttl 0..255]',
  '192.0.2.2 min_ttl 255 max_ttl 255',
  (args: Arguments): UnicastPeer | undefined => {
    const { at } = args;
    const peer = address(args);
    if (peer === undefined) return undefined;
    let [minTtl, maxTtl] = [0, 255];
    for (let option = args.peek(); option?.text === 'min_ttl' || option?.text === 'max_ttl'; option = args.peek()) {
      args.take();
      const found = args.need('a TTL');
      const value = found === undefined ? undefined : wholeNumber(args, found, 0, 255);
      if (option.text === 'min_ttl') minTtl = value ?? minTtl;
      else maxTtl = value ?? maxTtl;
    }
    return { address: peer, minTtl, maxTtl, at };
  },
);

export const vrrpInstance: Table<InstanceDraft> = {
  ...notifyRows<InstanceSettings>(),
  state: sets(
    'state',
    syntax('MASTER|BACKUP', 'MASTER', (args: Arguments) => {
      const found = args.need('MASTER or BACKUP');
      if (found === undefined) return undefined;
      if (found.text === 'MASTER' || found.text === 'BACKUP') return found.text;
      args.diagnostics.warning(
        'bad-value',
        found.at,
        `unknown state "${found.text}", expected MASTER or BACKUP; taken as BACKUP`,
      );
      return 'BACKUP';
    }),
  ),
  interface: sets('interface', interfaceName),
  virtual_router_id: sets('virtualRouterId', integer(1, 255)),
  priority: sets('priority', integer(1, 255)),
  advert_int: sets('advertInterval', seconds(0.01, 255)),
  version: setsOnce('version', vrrpVersion, true),
  authentication: inner(authentication),
  auth_hmac: authHmac(),
  virtual_ipaddress: collects('addresses', addressLine),
  virtual_ipaddress_excluded: collects('excludedAddresses', addressLine),
  no_virtual_ipaddress: fixes('noAddresses', true),
  virtual_routes: collects('routes', routeLine),
  virtual_rules: collects('rules', ruleLine),
  promote_secondaries: fixes('promoteSecondaries', true),
  unicast_src_ip: sets('unicastSource', addressWithoutPrefix),
  unicast_peer: collects('unicastPeers', unicastPeer),
  unicast_fault_no_peer: fixes('unicastFaultNoPeer', true),
  check_unicast_src: fixes('checkUnicastSource', true),
  unicast_ttl: sets('unicastTtl', integer(0, 255)),
  old_unicast_checksum: sets('oldUnicastChecksum', oldChecksum),
  mcast_src_ip: sets('multicastSource', addressWithoutPrefix),
  mcast_dst_ip: sets('multicastGroup', anyMulticast),
  track_src_ip: fixes('trackSource', true),
  track_interface: collects('trackInterfaces', trackedName),
  track_script: collects('trackScripts', trackedName),
  track_file: collects('trackFiles', trackedName),
  track_process: collects('trackProcesses', trackedName),
  track_bfd: collects('trackBfd', trackedName),
  dont_track_primary: fixes('trackPrimary', false),
  preempt: fixes('preempt', true),
  nopreempt: fixes('preempt', false),
  preempt_delay: sets('preemptDelay', seconds(0, 1000)),
  accept: fixes('accept', true),
  no_accept: fixes('accept', false),
  strict_mode: sets('strict', boolean),
  skip_check_adv_addr: sets('skipCheckAdvertAddresses', boolean),
  owner_ignore_adverts: sets('ownerIgnoreAdverts', boolean),
  lower_prio_no_advert: sets('lowerPriorityNoAdvert', boolean),
  higher_prio_send_advert: sets('higherPrioritySendAdvert', boolean),
  garp_master_delay: sets('garpMasterDelay', seconds(0)),
  garp_master_repeat: sets('garpMasterRepeat', integer(1, LONGEST)),
  garp_master_refresh: sets('garpMasterRefresh', seconds(0)),
  garp_master_refresh_repeat: sets('garpMasterRefreshRepeat', integer(1, LONGEST)),
  garp_lower_prio_delay: sets('garpLowerPriorityDelay', seconds(0)),
  garp_lower_prio_repeat: sets('garpLowerPriorityRepeat', integer(0, LONGEST)),
  garp_extra_if: garpExtraInterface,
  vmac_garp_intvl: deprecated(garpExtraInterface, 'garp_extra_if'),
  down_timer_adverts: sets('downTimerAdverts', integer(1, 100)),
  timer_expired_backup: timerExpired,
  thread_timer_expired: deprecated(timerExpired, 'timer_expired_backup'),
  use_vmac: setsOnce('vmac', vmacLine),
  use_vmac_addr: fixes('vmacAddresses', true),
  vmac_xmit_base: fixes('transmitBase', true),
  use_ipvlan: setsOnce('ipvlan', ipvlanLine),
  vrf: pending(interfaceName),
  native_ipv6: fixes('forceIpv6', true),
  v3_checksum_as_v2: sets('v3ChecksumAsV2', boolean),
  linkbeat_use_polling: deprecated(pending(), 'linkbeat_interfaces at the top level'),
  debug: pending(integer(0, 4)),
  notify_deleted: setsOnce('deleted', command),
  notify_master_rx_lower_pri: setsOnce('masterHeardLowerPriority', command),
  smtp_alert: sets('smtpAlert', boolean),
  lvs_sync_daemon_interface: deprecated(sets('syncDaemonInterface', interfaceName), 'lvs_sync_daemon in global_defs'),
  kernel_rx_buf_size: pending(integer(0, LONGEST)),
};

/** A block that only groups keywords of the block around it. */
function inner(table: Table<InstanceDraft>): Row<InstanceDraft> {
  return {
    block: 'required',
    implemented: true,
    contents: table,
    read(target, args, block) {
      if (block !== undefined) readBlock(table, target, block, args.diagnostics);
    },
  };
}

/** The family an instance speaks; see {@link InstanceSettings}. */
export function instanceFamily(settings: Partial<InstanceSettings>): Family {
  const deciding =
    settings.addresses?.[0]?.address ??
    settings.unicastSource ??
    settings.unicastPeers?.[0]?.address ??
    settings.multicastSource;
  if (deciding !== undefined) return familyOf(deciding);
  return settings.forceIpv6 === true ? 'ipv6' : 'ipv4';
}
