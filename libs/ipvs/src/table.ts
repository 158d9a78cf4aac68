import {
  type DesiredService,
  type Destination,
  type DestinationId,
  type KernelDestination,
  type KernelService,
  type ServiceId,
  destinationKey,
  noTraffic,
  serviceKey,
} from './model.ts';
import { type Operation, serviceOf } from './plan.ts';

const indexes = new WeakMap<readonly Destination[], ReadonlyMap<string, Destination>>();

/** The destinations of a service by their key; made once for each reading, since services may have tens of thousands. */
export function destinationsByKey<D extends Destination>(destinations: readonly D[]): ReadonlyMap<string, D>;
export function destinationsByKey(destinations: readonly Destination[]): ReadonlyMap<string, Destination> {
  const known = indexes.get(destinations);
  if (known !== undefined) return known;
  const index = new Map(destinations.map((destination) => [destinationKey(destination), destination]));
  indexes.set(destinations, index);
  return index;
}

export function findDestination(
  service: KernelService | undefined,
  id: DestinationId | undefined,
): KernelDestination | undefined {
  return service && id && destinationsByKey(service.destinations).get(destinationKey(id));
}

/**
 * The kernel's table as it is expected to be once the operations are carried out. `desired` is what they are the whole way
 * to, if they are: a service that is made has the servers that are desired then, and nobody need look at each.
 */
export function tableAfter(
  before: ReadonlyMap<string, KernelService>,
  operations: readonly Operation[],
  desired: readonly DesiredService[] = [],
): ReadonlyMap<string, KernelService> {
  if (operations.length === 0) return before;
  const table = new Map(before);
  const pools = new Map<string, Map<string, KernelDestination>>();
  const wanted = new Map(desired.map((service) => [service.id, service.destinations]));
  let filled: ServiceId | undefined;
  let lastService: ServiceId | undefined;
  let lastPool = new Map<string, KernelDestination>();
  // Asked for at each of thousands of servers, one after the other of the same service.
  const poolOf = (service: ServiceId): Map<string, KernelDestination> => {
    if (service === lastService) return lastPool;
    const key = serviceKey(service);
    const pool = pools.get(key) ?? new Map(destinationsByKey(table.get(key)?.destinations ?? []));
    pools.set(key, pool);
    lastService = service;
    lastPool = pool;
    return pool;
  };
  for (const operation of operations) {
    switch (operation.kind) {
      case 'create-service': {
        const pool = wanted.get(operation.service.id);
        const destinations = [...(pool?.values() ?? [])];
        if (pool !== undefined) {
          indexes.set(destinations, pool);
          filled = operation.service.id;
        }
        table.set(serviceOf(operation), { ...operation.service, traffic: noTraffic, destinations });
        break;
      }
      case 'set-service': {
        const key = serviceOf(operation);
        const service = table.get(key);
        if (service) table.set(key, { ...service, ...operation.service });
        break;
      }
      case 'delete-service':
        table.delete(serviceOf(operation));
        pools.delete(serviceOf(operation));
        lastService = undefined;
        break;
      case 'create-destination':
        if (operation.service !== filled)
          poolOf(operation.service).set(destinationKey(operation.destination), operation.destination);
        break;
      case 'set-destination': {
        const pool = poolOf(operation.service);
        const server = destinationKey(operation.destination);
        pool.set(server, { ...pool.get(server), ...operation.destination });
        break;
      }
      case 'delete-destination':
        poolOf(operation.service).delete(destinationKey(operation.destination));
        break;
    }
  }
  for (const [key, pool] of pools) {
    const service = table.get(key);
    if (service === undefined) continue;
    const destinations = [...pool.values()];
    indexes.set(destinations, pool);
    table.set(key, { ...service, destinations });
  }
  return table;
}
