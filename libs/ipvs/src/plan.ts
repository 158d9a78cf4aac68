import {
  type DesiredService,
  type Destination,
  type DestinationId,
  type KernelForwarding,
  type KernelService,
  type Service,
  type ServiceId,
  destinationKey,
  serviceKey,
} from './model.ts';
import { destinationsByKey } from './table.ts';

/** One change of the kernel's table. */
export type Operation =
  | { readonly kind: 'create-service'; readonly service: Service }
  | { readonly kind: 'set-service'; readonly service: Service }
  | { readonly kind: 'delete-service'; readonly id: ServiceId }
  | { readonly kind: 'create-destination'; readonly service: ServiceId; readonly destination: Destination }
  | { readonly kind: 'set-destination'; readonly service: ServiceId; readonly destination: Destination }
  | { readonly kind: 'delete-destination'; readonly service: ServiceId; readonly destination: DestinationId };

/**
 * The operations that turn the kernel's table into the desired one, in the order to carry them out. What is equal is not
 * touched, and what can be set is never deleted and added again, because that would cut its connections. A pool is filled
 * before it is emptied. A service that is not desired is deleted only when its key is in `owned`.
 */
export function planOperations(
  desired: readonly DesiredService[],
  actual: readonly KernelService[],
  owned: ReadonlySet<string>,
): Operation[] {
  const operations: Operation[] = [];
  const present = new Map(actual.map((service) => [serviceKey(service.id), service]));
  const wanted = new Set<string>();
  for (const service of desired) {
    const key = serviceKey(service.id);
    wanted.add(key);
    const existing = present.get(key);
    if (existing === undefined) operations.push({ kind: 'create-service', service: withoutDestinations(service) });
    else if (!sameService(service, existing))
      operations.push({ kind: 'set-service', service: withoutDestinations(service) });
    planDestinations(service, existing?.destinations ?? [], operations);
  }
  for (const [key, service] of present) {
    if (owned.has(key) && !wanted.has(key)) operations.push({ kind: 'delete-service', id: service.id });
  }
  return operations;
}

/** One line for events and logs, in the words of ipvsadm. */
export function describeOperation(operation: Operation): string {
  switch (operation.kind) {
    case 'create-service':
      return `add service ${serviceKey(operation.service.id)} (${operation.service.scheduler})`;
    case 'set-service':
      return `set service ${serviceKey(operation.service.id)} (${operation.service.scheduler})`;
    case 'delete-service':
      return `delete service ${serviceKey(operation.id)}`;
    case 'create-destination':
      return `add server ${destinationKey(operation.destination)} weight ${operation.destination.weight} to ${serviceKey(operation.service)}`;
    case 'set-destination':
      return `set server ${destinationKey(operation.destination)} weight ${operation.destination.weight} in ${serviceKey(operation.service)}`;
    case 'delete-destination':
      return `delete server ${destinationKey(operation.destination)} from ${serviceKey(operation.service)}`;
  }
}

/** The key of the service that an operation is about. */
export function serviceOf(operation: Operation): string {
  switch (operation.kind) {
    case 'create-service':
    case 'set-service':
      return serviceKey(operation.service.id);
    case 'delete-service':
      return serviceKey(operation.id);
    case 'create-destination':
    case 'set-destination':
    case 'delete-destination':
      return serviceKey(operation.service);
  }
}

function planDestinations(service: DesiredService, existing: readonly Destination[], operations: Operation[]): void {
  const { id, destinations } = service;
  if (existing.length === 0) {
    for (const destination of destinations.values())
      operations.push({ kind: 'create-destination', service: id, destination });
    return;
  }
  const present = destinationsByKey(existing);
  for (const [key, destination] of destinations) {
    const now = present.get(key);
    if (now === undefined) operations.push({ kind: 'create-destination', service: id, destination });
    else if (!sameDestination(destination, now)) operations.push({ kind: 'set-destination', service: id, destination });
  }
  for (const [key, { address, port }] of present) {
    if (!destinations.has(key))
      operations.push({ kind: 'delete-destination', service: id, destination: { address, port } });
  }
}

function withoutDestinations({ destinations: _, ...service }: DesiredService): Service {
  return service;
}

function sameService(a: Service, b: Service): boolean {
  return (
    a.scheduler === b.scheduler &&
    a.persistent === b.persistent &&
    a.onePacket === b.onePacket &&
    a.flag1 === b.flag1 &&
    a.flag2 === b.flag2 &&
    a.flag3 === b.flag3 &&
    a.timeout === b.timeout &&
    a.netmask === b.netmask &&
    a.engine === b.engine
  );
}

function sameDestination(a: Destination, b: Destination): boolean {
  return (
    a.weight === b.weight &&
    a.upperThreshold === b.upperThreshold &&
    a.lowerThreshold === b.lowerThreshold &&
    sameForwarding(a.forwarding, b.forwarding)
  );
}

function sameForwarding(a: KernelForwarding, b: KernelForwarding): boolean {
  if (a.kind !== 'tun' || b.kind !== 'tun') return a.kind === b.kind;
  if (a.tunnel.type === 'ipip' || b.tunnel.type === 'ipip') return a.tunnel.type === b.tunnel.type;
  if (a.tunnel.type !== b.tunnel.type || a.tunnel.checksum !== b.tunnel.checksum) return false;
  return a.tunnel.type !== 'gue' || b.tunnel.type !== 'gue' || a.tunnel.port === b.tunnel.port;
}
