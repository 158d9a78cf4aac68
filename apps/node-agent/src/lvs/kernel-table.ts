import {
  IPVS_FAMILY,
  OperationWriter,
  type AttributeError,
  type IpvsInfo,
  type IpvsRequest,
  type KernelService,
  type Operation,
  type OptionOperation,
  type ServiceId,
  type SyncDaemon,
  type Timeouts,
  commandOf,
  decodeDaemon,
  decodeDestination,
  decodeInfo,
  decodeService,
  decodeTimeouts,
  describeOperation,
  describeOption,
  encodeFlush,
  encodeInfoRequest,
  encodeListDaemons,
  encodeListDestinations,
  encodeListServices,
  encodeOption,
  encodeTimeoutsRequest,
  encodeZero,
} from '@keepfleet/ipvs';
import { GenericNetlink, type LinuxError, isLinuxError } from '@keepfleet/linux';
import type { Result } from '@keepfleet/wire';
import { type Loaded, loadModule } from './kernel-modules.ts';
import { isAboutService, optionRefusalText, refusalText } from './refusal-text.ts';

/** An operation that the kernel did not carry out. */
export interface Refusal {
  readonly operation: Operation;
  readonly reason: string;
  /** What it is about is not there: somebody else has removed it since the table was read. */
  readonly isGone: boolean;
}

interface Failure {
  readonly operation: Operation;
  readonly error: LinuxError;
}

export interface OptionRefusal {
  readonly operation: OptionOperation;
  readonly reason: string;
}

export interface TableOptions {
  /** Octets of the netlink socket's receive buffer; null leaves it to the adapter. */
  readonly receiveBuffer: number | null;
  /** Changes that are sent by one system call. */
  readonly batch: number;
}

export const MODULE = 'ip_vs';

/** The kernel's IPVS tables of this network namespace. All calls are synchronous and throw LinuxError. */
export class KernelTable {
  readonly info: IpvsInfo;
  readonly #netlink: GenericNetlink;
  readonly #batch: number;
  /** Each scheduler is looked for once; a kernel does not grow one later. */
  readonly #schedulersLookedFor = new Set<string>();

  private constructor(netlink: GenericNetlink, { batch }: TableOptions) {
    this.#netlink = netlink;
    this.#batch = batch;
    this.info = decoded(decodeInfo(this.#send(encodeInfoRequest(), 'read the version of IPVS')), 'the version of IPVS');
  }

  /**
   * Loads ip_vs where it is missing, unless that was `tried` just now; throws NoIpvs when the kernel has none, LinuxError when
   * it may not be used.
   */
  static open(options: TableOptions, tried?: Loaded): KernelTable {
    const found = openFamily(options);
    if (found !== undefined) return new KernelTable(found, options);
    const loaded = tried ?? loadModule(MODULE);
    const second = openFamily(options);
    if (second !== undefined) return new KernelTable(second, options);
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

  /** Carries out all it can, in order; `beforeDeletions` is called in front of the services that go, if there are any. */
  apply(operations: readonly Operation[], beforeDeletions?: () => void): Refusal[] {
    const deletions = operations.findIndex(({ kind }) => kind === 'delete-service');
    if (beforeDeletions === undefined || deletions === -1) return this.#applied(operations);
    const refusals = this.#applied(operations.slice(0, deletions));
    beforeDeletions();
    return [...refusals, ...this.#applied(operations.slice(deletions))];
  }

  #applied(operations: readonly Operation[]): Refusal[] {
    const failures = this.#carryOut(operations);
    // Servers of a service that was refused are refused too, and have another chance with it.
    const left = this.#loadSchedulers(failures) ? this.#carryOut(failures.map(({ operation }) => operation)) : failures;
    return left.map(({ operation, error }) => ({
      operation,
      reason: refusalText(operation, error),
      isGone: isGone(operation, error),
    }));
  }

  /** What the kernel has once and not for each service. */
  readOptions(): { readonly timeouts: Timeouts; readonly daemons: readonly SyncDaemon[] } {
    const timeouts = this.#send(encodeTimeoutsRequest(), 'read the timeouts of IPVS');
    const { command, payload } = encodeListDaemons();
    const daemons = this.#netlink.dump({ command, attributes: payload, about: 'list the sync daemons of IPVS' });
    return {
      timeouts: decoded(decodeTimeouts(timeouts), 'the timeouts of IPVS'),
      daemons: daemons.map(({ attributes }) => decoded(decodeDaemon(attributes), 'a sync daemon of IPVS')),
    };
  }

  applyOptions(operations: readonly OptionOperation[]): OptionRefusal[] {
    const requests = operations.map((operation) => ({ operation, ...encodeOption(operation) }));
    const failures = this.#netlink.carryOut({
      count: requests.length,
      command: (index) => at(requests, index).command,
      write: (bytes, index) => bytes.bytes(at(requests, index).payload),
      about: (index) => describeOption(at(requests, index).operation),
    });
    return [...failures].flatMap(([index, error]) => {
      const { operation } = at(requests, index);
      return isDoneAlready(operation, error) ? [] : [{ operation, reason: optionRefusalText(operation, error) }];
    });
  }

  /** Removes every service, whoever made it, in one request. */
  flush(): void {
    this.#send(encodeFlush(), 'remove all services of IPVS');
  }

  /** Sets counters to 0: of the services, or of everything. */
  zero(services: readonly ServiceId[] | undefined): void {
    for (const service of services ?? [undefined]) this.#send(encodeZero(service), 'set the counters of IPVS to 0');
  }

  close(): void {
    this.#netlink.close();
  }

  #send({ command, payload }: IpvsRequest, about: string): Uint8Array {
    const [reply] = this.#netlink.request({ command, attributes: payload, about });
    return reply?.attributes ?? new Uint8Array();
  }

  #carryOut(operations: readonly Operation[]): Failure[] {
    let writer: OperationWriter | undefined;
    const failures = this.#netlink.carryOut(
      {
        count: operations.length,
        command: (index) => commandOf(at(operations, index)),
        write: (bytes, index) => {
          writer ??= new OperationWriter(bytes);
          writer.write(at(operations, index));
        },
        about: (index) => describeOperation(at(operations, index)),
      },
      this.#batch,
    );
    return [...failures].flatMap(([index, error]) => {
      const operation = at(operations, index);
      return isThereAlready(operation, error) ? [] : [{ operation, error }];
    });
  }

  /**
   * The kernel asks for a missing scheduler by itself, unless it has no program to ask (kernel.modprobe). What modprobe
   * says is not lost but repeated by the refusal. True when there was something to look for.
   */
  #loadSchedulers(failures: readonly Failure[]): boolean {
    const before = this.#schedulersLookedFor.size;
    for (const { operation, error } of failures) {
      if (!isAboutService(operation) || error.code !== 'ENOENT') continue;
      const { scheduler } = operation.service;
      if (this.#schedulersLookedFor.has(scheduler)) continue;
      this.#schedulersLookedFor.add(scheduler);
      loadModule(`ip_vs_${scheduler}`);
    }
    return this.#schedulersLookedFor.size > before;
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

function openFamily({ receiveBuffer }: TableOptions): GenericNetlink | undefined {
  try {
    return new GenericNetlink(IPVS_FAMILY, receiveBuffer ?? undefined);
  } catch (error) {
    if (isLinuxError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function decoded<T>(result: Result<T, AttributeError>, what: string): T {
  if (result.ok) return result.value;
  throw new UnknownAnswer(`the kernel's answer about ${what} is not understood: ${JSON.stringify(result.error)}`);
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index} of ${items.length}`);
  return item;
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

/** The kernel says ENOENT of a scheduler too, when a service is made or set. */
function isGone(operation: Operation, error: LinuxError): boolean {
  return error.code === 'ESRCH' || (error.code === 'ENOENT' && operation.kind === 'set-destination');
}

function isDoneAlready(operation: OptionOperation, error: LinuxError): boolean {
  return operation.kind === 'stop-daemon' && error.code === 'ESRCH';
}
