/** Every keyword of keepalived (its master branch of August 2026) and our own, by the block it stands in. */
export const VOCABULARY: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries({
    'the top level':
      'global_defs vrrp_instance vrrp_script vrrp_sync_group virtual_server virtual_server_group static_ipaddress static_routes static_rules track_file vrrp_track_file vrrp_track_process bfd_instance garp_group track_group linkbeat_interfaces interface_up_down_delays SSL linkbeat_use_polling net_namespace net_namespace_ipvs namespace_with_ipsets use_pid_dir instance child_wait_time',
    global_defs:
      'router_id notification_email notification_email_from smtp_server smtp_helo_name smtp_connect_timeout smtp_alert smtp_alert_vrrp smtp_alert_checker no_email_faults no_checker_emails checker_log_all_failures script_user enable_script_security startup_script shutdown_script startup_script_timeout shutdown_script_timeout process_names process_name vrrp_process_name checker_process_name bfd_process_name lvs_process_name use_symlink_paths set_supplementary_groups default_interface dynamic_interfaces disable_local_igmp max_auto_priority min_auto_priority_delay vrrp_priority checker_priority bfd_priority vrrp_no_swap checker_no_swap bfd_no_swap vrrp_rt_priority checker_rt_priority bfd_rt_priority vrrp_cpu_affinity checker_cpu_affinity bfd_cpu_affinity vrrp_rlimit_rttime checker_rlimit_rttime bfd_rlimit_rttime vrrp_rlimit_rtime checker_rlimit_rtime bfd_rlimit_rtime vrrp_version vrrp_mcast_group4 vrrp_mcast_group6 vrrp_garp_master_delay vrrp_garp_master_repeat vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_garp_interval vrrp_gna_interval vrrp_min_garp vrrp_garp_extra_if vrrp_vmac_garp_intvl vrrp_down_timer_adverts vrrp_lower_prio_no_advert vrrp_higher_prio_send_advert vrrp_owner_ignore_adverts v3_checksum_as_v2 vrrp_check_unicast_src vrrp_skip_check_adv_addr vrrp_strict vrrp_startup_delay vrrp_delay_after_boot log_unknown_vrids vrrp_notify_priority_changes vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier vrrp_iptables vrrp_ipsets nftables nftables_priority nftables_ifindex nftables_counters nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark vmac_prefix vmac_addr_prefix notify_fifo notify_fifo_script vrrp_notify_fifo vrrp_notify_fifo_script lvs_notify_fifo lvs_notify_fifo_script fifo_write_vrrp_states_on_reload lvs_timeouts lvs_flush lvs_flush_on_stop lvs_flush_onstop lvs_sync_daemon lvs_drift lvs_foreign rs_init_notifies snmp_socket enable_snmp_vrrp enable_snmp_checker enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 enable_snmp_keepalived enable_traps snmp_vs_stats_update_interval snmp_rs_stats_update_interval enable_dbus dbus_service_name dbus_no_interface_name vrrp_netlink_cmd_rcv_bufs vrrp_netlink_monitor_rcv_bufs lvs_netlink_cmd_rcv_bufs lvs_netlink_monitor_rcv_bufs process_monitor_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs_force lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs_force umask random_seed reload_check_config reload_time_file reload_repeat reload_file include_check config_save_dir tmp_config_directory data_use_instance json_version state_dump_file stats_dump_file json_dump_file iproute_usr_dir iproute_etc_dir',
    vrrp_instance:
      'state interface virtual_router_id priority advert_int version authentication auth_hmac virtual_ipaddress virtual_ipaddress_excluded no_virtual_ipaddress virtual_routes virtual_rules promote_secondaries unicast_src_ip unicast_peer unicast_fault_no_peer check_unicast_src unicast_ttl old_unicast_checksum mcast_src_ip mcast_dst_ip track_src_ip track_interface track_script track_file track_process track_bfd dont_track_primary preempt nopreempt preempt_delay accept no_accept strict_mode skip_check_adv_addr owner_ignore_adverts lower_prio_no_advert higher_prio_send_advert garp_master_delay garp_master_repeat garp_master_refresh garp_master_refresh_repeat garp_lower_prio_delay garp_lower_prio_repeat garp_extra_if vmac_garp_intvl down_timer_adverts timer_expired_backup thread_timer_expired use_vmac use_vmac_addr vmac_xmit_base use_ipvlan vrf native_ipv6 v3_checksum_as_v2 linkbeat_use_polling debug notify_master notify_backup notify_fault notify_stop notify notify_deleted notify_master_rx_lower_pri notify_priority_changes smtp_alert lvs_sync_daemon_interface kernel_rx_buf_size',
    authentication: 'auth_type auth_pass',
    auth_hmac: 'key active_key time_window anti_replay mode',
    vrrp_sync_group:
      'group notify_master notify_backup notify_fault notify_stop notify smtp_alert track_interface track_script track_file track_process track_bfd sync_group_tracking_weight notify_priority_changes global_tracking',
    vrrp_script: 'script interval timeout weight rise fall user init_fail',
    vrrp_track_process: 'process param_match weight quorum quorum_max delay fork_delay terminate_delay full_command',
    track_file: 'file weight init_file',
    garp_group: 'garp_interval gna_interval interface interfaces',
    track_group: 'group',
    bfd_instance:
      'neighbor_ip neighbour_ip source_ip min_rx min_tx idle_tx multiplier passive ttl hoplimit max_hops multihop weight vrrp checker',
    virtual_server:
      'delay_loop lb_algo lvs_sched lb_kind lvs_method protocol real_server persistence_timeout persistence_granularity persistence_engine sorry_server sorry_server_inhibit sorry_server_lvs_method quorum hysteresis quorum_up quorum_down alpha omega inhibit_on_failure ha_suspend retry delay_before_retry warmup connect_timeout smtp_alert virtualhost weight ops flag-1 flag-2 flag-3 sh-port sh-fallback mh-port mh-fallback hashed ip_family snmp_name',
    real_server:
      'weight inhibit_on_failure notify_up notify_down uthreshold lthreshold lvs_method retry delay_before_retry warmup connect_timeout delay_loop alpha smtp_alert virtualhost snmp_name TCP_CHECK HTTP_GET SSL_GET SMTP_CHECK DNS_CHECK MISC_CHECK UDP_CHECK PING_CHECK FILE_CHECK BFD_CHECK',
    'a checker':
      'retry delay_before_retry warmup delay_loop alpha log_all_failures connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark',
    'HTTP_GET and SSL_GET':
      'virtualhost http_protocol enable_sni sni_name fast_recovery tls_compliant nb_get_retry url',
    url: 'path digest status_code virtualhost regex regex_no_match regex_options regex_min_offset regex_max_offset regex_stack tls_compliant',
    SMTP_CHECK: 'helo_name host',
    DNS_CHECK: 'type name',
    MISC_CHECK: 'misc_path misc_timeout misc_dynamic user',
    UDP_CHECK: 'payload require_reply min_reply_length max_reply_length',
    FILE_CHECK: 'track_file weight',
    BFD_CHECK: 'name alpha',
    SSL: 'password ca certificate key',
  }).map(([block, names]) => [block, names.split(' ')]),
);

/** Keywords that keepalived does not have, by the block they stand in. */
export const OWN_VOCABULARY: Readonly<Record<string, readonly string[]>> = {
  global_defs: ['smtp_tls', 'smtp_tls_verify', 'smtp_user', 'smtp_password'],
  virtual_server: ['slow_start'],
  real_server: ['slow_start', 'GRPC_CHECK'],
  'a checker': ['rise', 'latency_weight'],
  'HTTP_GET and SSL_GET': ['tls_verify', 'tls_ca', 'tls_name'],
  url: ['method', 'header', 'body'],
  GRPC_CHECK: ['service', 'authority', 'tls', 'tls_verify', 'tls_ca', 'tls_name'],
  DNS_CHECK: ['answer', 'min_answers'],
};

/** What may help the author of an unknown keyword: where it belongs, or the known one it resembles. */
export function hintFor(unknown: string, known: readonly string[]): string | undefined {
  if (/^\$\w/.test(unknown)) return 'nothing above this line defines it';
  const similar = known.find((name) => name.toLowerCase() === unknown.toLowerCase()) ?? nearest(unknown, known);
  if (similar !== undefined) return `did you mean "${similar}"?`;
  const places = [...Object.entries(VOCABULARY), ...Object.entries(OWN_VOCABULARY)].flatMap(([block, names]) =>
    names.includes(unknown) ? [block] : [],
  );
  if (places.length === 0) return undefined;
  const where = `it belongs in ${places.join(' or ')}`;
  return places.includes('the top level') ? `${where}; is a "}" missing above?` : where;
}

const MAX_DISTANCE = 2;
const MIN_LENGTH = 4;
const MAX_LENGTH = 40;

function nearest(unknown: string, known: readonly string[]): string | undefined {
  if (unknown.length < MIN_LENGTH || unknown.length > MAX_LENGTH) return undefined;
  let best: string | undefined;
  let bestDistance = MAX_DISTANCE + 1;
  for (const name of known) {
    const distance = editDistance(unknown, name);
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MAX_DISTANCE) return MAX_DISTANCE + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
