import { isLinuxError } from '@keepfleet/linux';
import { NoIpvs } from './kernel-table.ts';

/** What to do about a kernel that cannot be worked with. */
export function remedy(error: Error): string {
  if (error instanceof NoIpvs)
    return 'use a kernel with CONFIG_IP_VS, or load the module ip_vs on the host of this container';
  if (isLinuxError(error, 'EPERM', 'EACCES')) return 'run it as root, or with CAP_NET_ADMIN';
  if (isLinuxError(error, 'EBUSY'))
    return 'the kernel was at another request of this socket or of IPVS; it is read anew, and if this happens again, see what else works on IPVS (ps, ipvsadm -Ln)';
  if (isLinuxError(error, 'ENOBUFS')) return 'it is read anew; raise lvs_netlink_cmd_rcv_bufs if it happens again';
  return 'see the reason, and `ipvsadm -Ln`';
}
