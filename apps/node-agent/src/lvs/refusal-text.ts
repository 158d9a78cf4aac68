import { type Operation, type OptionOperation, serviceFamily } from '@keepfleet/ipvs';
import type { LinuxError } from '@keepfleet/linux';
import { familyOf } from '@keepfleet/wire';

const AGAIN = 'tried again every few seconds';

/** What the kernel said, and what to do about it; the object is in it where errno alone says why. */
export function refusalText(operation: Operation, error: LinuxError): string {
  const what = isAboutService(operation)
    ? serviceAdvice(operation, error)
    : 'destination' in operation && operation.kind !== 'delete-destination'
      ? serverAdvice(operation, error)
      : undefined;
  return what ?? generalText(error);
}

export function optionRefusalText(operation: OptionOperation, error: LinuxError): string {
  if (operation.kind !== 'start-daemon') return generalText(error);
  const { interface: name } = operation.daemon;
  if (error.code === 'ENODEV')
    return `${error.code}: there is no interface ${name}; make it, or name another one in lvs_sync_daemon (${AGAIN})`;
  if (error.code === 'EINVAL')
    return `${error.message}; connections cannot be synchronised beside tunnels to servers of the other family: take lvs_sync_daemon or those servers out (${AGAIN})`;
  return generalText(error);
}

export function isAboutService(
  operation: Operation,
): operation is Extract<Operation, { kind: 'create-service' | 'set-service' }> {
  return operation.kind === 'create-service' || operation.kind === 'set-service';
}

function serviceAdvice({ service }: { service: { scheduler: string; engine: string } }, error: LinuxError) {
  if (error.code !== 'ENOENT') return undefined;
  const { scheduler, engine } = service;
  const extra = engine === '' ? '' : ` or no persistence engine ${engine} (module ip_vs_pe_${engine})`;
  return `${error.code}: this kernel has no scheduler ${scheduler} (module ip_vs_${scheduler})${extra}; name another one in the configuration, or install the module`;
}

/** The kernel gives one number for several reasons (ip_vs_genl_set_cmd, ip_vs_new_dest); those that can be are told. */
function serverAdvice(
  operation: Extract<Operation, { kind: 'create-destination' | 'set-destination' }>,
  error: LinuxError,
): string | undefined {
  const { address, upperThreshold, lowerThreshold } = operation.destination;
  if (error.code === 'EINVAL') {
    return familyOf(address) !== serviceFamily(operation.service)
      ? `${error.message}; a server of the other family needs a tunnel and cannot be beside lvs_sync_daemon: take one of them out (${AGAIN})`
      : `${error.message}; the kernel takes no multicast, broadcast or link-local address as a server, nor one that it has no unicast route to: correct the address (${AGAIN})`;
  }
  if (error.code === 'ERANGE')
    return `${error.message}; lthreshold ${lowerThreshold} must not be above uthreshold ${upperThreshold}`;
  return undefined;
}

function generalText(error: LinuxError): string {
  switch (error.code) {
    case 'EBUSY':
    case 'EAGAIN':
      return `${error.message}; the kernel is at something else: ${AGAIN}, and if it goes on, see what else works on IPVS (ps, ipvsadm -Ln, lsmod)`;
    case 'ENOMEM':
    case 'ENOBUFS':
      return `${error.message}; the kernel has no memory for it: free some (${AGAIN})`;
    case 'EAFNOSUPPORT':
      return `${error.message}; IPVS of this kernel has no IPv6 (CONFIG_IP_VS_IPV6)`;
    default:
      return `${error.message}; ${AGAIN}`;
  }
}
