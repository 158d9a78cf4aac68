import {
  IPVS_FAMILY,
  type AttributeError,
  type IpvsInfo,
  type KernelService,
  type Operation,
  decodeDestination,
  decodeInfo,
  decodeService,
  describeOperation,
  encodeInfoRequest,
  encodeListDestinations,
  encodeListServices,
  encodeOperation,
} from '@keepfleet/ipvs';
import { GenericNetlink, type LinuxError, isLinuxError } from '@keepfleet/linux';
import type { Result } from '@keepfleet/wire';
import { loadModule } from './kernel-modules.ts';

/** An operation that the kernel did not carry out. */
export interface Refusal {
  readonly operation: Operation;
  readonly reason: string;
}

/** The kernel's IPVS tables of this network namespace. All calls are synchronous and throw LinuxError. */
export class KernelTable {
  readonly info: IpvsInfo;
  readonly #netlink: GenericNetlink;
  /** Each scheduler is looked for once; a kernel does not grow one later. */
  readonly #schedulersLookedFor = new Set<string>();

  private constructor(netlink: GenericNetlink) {
    this.#netlink = netlink;
    const { command, payload } = encodeInfoRequest();
    const [reply] = netlink.request({ command, attributes: payload, about: 'read the version of IPVS' });
    this.info = decoded(decodeInfo(reply?.attributes ?? new Uint8Array()), 'the version of IPVS');
  }

  /** Loads ip_vs where it is missing; throws NoIpvs when the kernel has none, LinuxError when it may not be used. */
  static open(): KernelTable {
    const found = openFamily();
    if (found !== undefined) return new KernelTable(found);
    const loaded = loadModule('ip_vs');
    const second = openFamily();
    if (second !== undefined) return new KernelTable(second);
    throw new NoIpvs(`this kernel has no IPVS (${loaded.ok ? 'the module ip_vs was loaded in vain' : loaded.reason})`);
  }

  read(): KernelService[] {
    const list = encodeListServices();
    const services = this.#netlink.dump({
      command: list.command,
      attributes: list.payload,
      about: 'list the services of IPVS',
    });
    return services.map(({ attributes }) => {
      const service = decoded(decodeService(attributes), 'a service of IPVS');
      const { command, payload } = encodeListDestinations(service.id);
      const replies = this.#netlink.dump({ command, attributes: payload, about: 'list the destinations of a service' });
      const destinations = replies.map((reply) =>
        decoded(decodeDestination(reply.attributes, service.id), 'a destination of IPVS'),
      );
      return { ...service, destinations };
    });
  }

  /** Carries out all it can, in order. */
  apply(operations: readonly Operation[]): Refusal[] {
    this.#loadSchedulers(operations);
    const outcomes = this.#netlink.batch(
      operations.map((operation) => {
        const { command, payload } = encodeOperation(operation);
        return { command, attributes: payload, about: describeOperation(operation) };
      }),
    );
    return operations.flatMap((operation, i) => {
      const error = outcomes[i];
      if (error === undefined || isThereAlready(operation, error)) return [];
      return [{ operation, reason: refusalText(operation, error) }];
    });
  }

  close(): void {
    this.#netlink.close();
  }

  /** The kernel asks for a missing scheduler by itself where it may; what modprobe then says is not lost but repeated by the refusal. */
  #loadSchedulers(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.kind !== 'create-service' && operation.kind !== 'set-service') continue;
      const { scheduler } = operation.service;
      if (this.#schedulersLookedFor.has(scheduler)) continue;
      this.#schedulersLookedFor.add(scheduler);
      loadModule(`ip_vs_${scheduler}`);
    }
  }
}

/** The kernel has no IPVS and cannot get it. */
export class NoIpvs extends Error {
  override readonly name = 'NoIpvs';
}

/** The kernel's answer is none that Keepfleet understands. */
export class UnknownAnswer extends Error {
  override readonly name = 'UnknownAnswer';
}

function openFamily(): GenericNetlink | undefined {
  try {
    return new GenericNetlink(IPVS_FAMILY);
  } catch (error) {
    if (isLinuxError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function decoded<T>(result: Result<T, AttributeError>, what: string): T {
  if (result.ok) return result.value;
  throw new UnknownAnswer(`the kernel's answer about ${what} is not understood: ${JSON.stringify(result.error)}`);
}

/** Somebody else was faster; the next reading shows what is left to do. */
function isThereAlready(operation: Operation, error: LinuxError): boolean {
  switch (operation.kind) {
    case 'create-service':
    case 'create-destination':
      return error.code === 'EEXIST';
    case 'delete-service':
    case 'delete-destination':
      return error.code === 'ENOENT' || error.code === 'ESRCH';
    case 'set-service':
    case 'set-destination':
      return false;
  }
}

function refusalText(operation: Operation, error: LinuxError): string {
  const aboutService = operation.kind === 'create-service' || operation.kind === 'set-service';
  if (aboutService && error.code === 'ENOENT') {
    const { scheduler, engine } = operation.service;
    const extra = engine === '' ? '' : ` or no persistence engine ${engine} (module ip_vs_pe_${engine})`;
    return `${error.code}: this kernel has no scheduler ${scheduler} (module ip_vs_${scheduler})${extra}; name another one in the configuration, or install the module`;
  }
  return error.message;
}
