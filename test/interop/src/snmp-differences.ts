import type { Differences } from './snmp-compare.ts';

/** What VRRP serves, beside keepalived 2.2.7. */
export const DIFFERENCES: Differences = [
  { objects: /^version\.0$/, why: 'it is another program' },
  {
    objects: /^(v3ChecksumAsV2|vrrpInstanceV3ChecksumAsV2)\./,
    why: 'newer than the MIB of 2.2.7, which has no such object',
  },
  { objects: /^vrrpScript\w+\.2$/, why: 'keepalived leaves out a script that nothing tracks' },
  {
    objects: /^vrrpRouteProtocol\.[01]\.\d+$/,
    why: 'the MIB has 112 for the number 18 of the kernel, which is keepalived, and not 19',
  },
  { objects: /^vrrpRuleProtocol\.[01]\.\d+$/, why: 'rules of ours are marked too, though nobody wrote so' },
  { objects: /^vrrpRouteAdvmss\.1\.1$/, why: 'keepalived shows 0 where none is set beside another metric' },
  { objects: /^vrrpRouteScope\.0\.1$/, why: 'without a gateway the scope is link, as the kernel has it' },
  {
    objects: /^vrrpProcessParamMatch\.1$/,
    why: 'keepalived has the numbers of partial and initial the other way round than the MIB',
  },
  {
    objects: /^vrrpScript(Path|IntervalUsec|TimeoutUsec)\.1$/,
    why: 'newer than the MIB of 2.2.7, which has no such column',
  },
  { objects: /^lvsSyncDaemonEnabled\.0$/, why: 'the part of the checkers, which keepalived was started without' },
  { objects: /^vrrpInstanceAccept\.1$/, why: 'version 2 has no such mode, and 0 is no value of the MIB' },
  {
    objects: /^vrrpInstanceTrackPrimaryIf\.2$/,
    why: 'keepalived shows whether any interface is tracked, the MIB asks for the primary one',
  },
  { objects: /^vrrpTrackedInterface\w+\.1\.\d+$/, why: 'the MIB has the ifIndex as index, keepalived the position' },
  {
    objects: /^vrrpAddressAdvertising\.2\.\d+$/,
    why: 'keepalived says notAdvertised for every instance after the first',
  },
  { objects: /^vrrpAddressBroadcast\.1\.\d+$/, why: 'no broadcast address is configured' },
  { objects: /^vrrp(v3Operations|Oper)VirtualMacAddr\./, why: 'the virtual MAC address, not that of the card' },
  { objects: /^vrrpOperMasterIpAddr\./, why: 'a master that heard nobody is master itself' },
  { objects: /^vrrpOperAuthKey\./, why: 'RFC 2787: always an empty string' },
  { objects: /^vrrpOperVirtualRouterUpTime\.|^vrrpv3OperationsUpTime\./, why: 'it started at another time' },
  { objects: /^vrrpv3\w+DiscontinuityTime\./, why: 'when the counters began, not 0' },
  {
    objects: /^vrrpv3AssociatedIpAddrRowStatus\./,
    why: 'an address of variable size goes behind its length in an index (RFC 2578 section 7.7)',
  },
  {
    objects: /^vrrpv3OperationsAcceptMode\.\d+\.51\.1$/,
    why: 'a router of version 2 that is not the owner accepts nothing (RFC 3768 section 6.4.3)',
  },
];

/** What IPVS serves, beside keepalived 2.2.7. */
export const IPVS_DIFFERENCES: Differences = [
  { objects: /^version\.0$/, why: 'it is another program' },
  {
    objects: /^(v3ChecksumAsV2\.|(virtual|real)Server(Rate\w+64|\w+Path|NotRunCheckers)\.)/,
    why: 'newer than the MIB of 2.2.7, which has no such object',
  },
  {
    objects: /^(realServerNotify|virtualServerQuorum)(Up|Down)\./,
    why: 'keepalived shows each word of a command in quotes of its own',
  },
  {
    objects: /^virtualServer(SHPort|MHPort|MHFallback)\./,
    why: 'keepalived shows the flags of sh as those of mh too, which are the same bits, and the other way round',
  },
  {
    objects: /^smtpServer(AddressType|Address|Port)\.0$/,
    why: 'there is no mail server, and neither family nor port of none',
  },
  {
    objects: /^virtualServerAddrType\.[46]$/,
    why: 'the MIB has no such column for a mark and a group, which have no address of their own',
  },
  {
    objects: /^virtualServerPersistGranularity6\.[456]$/,
    why: 'keepalived shows the mask of one IPv4 client where nothing is set; here it is the prefix length of IPv6',
  },
  {
    objects: /^realServerPort\.4\.1$/,
    why: 'keepalived shows the 0 that the kernel is given for direct routing behind a mark, here it is as written',
  },
];
