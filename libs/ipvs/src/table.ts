import {
  type Destination,
  type DestinationId,
  type KernelDestination,
  type KernelService,
  destinationKey,
  noTraffic,
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

/** The kernel's table as it is expected to be once the operations are carried out. */
export function tableAfter(
  before: ReadonlyMap<string, KernelService>,
  operations: readonly Operation[],
): ReadonlyMap<string, KernelService> {
  if (operations.length === 0) return before;
  const table = new Map(before);
  const pools = new Map<string, Map<string, KernelDestination>>();
  const poolOf = (key: string): Map<string, KernelDestination> => {
    const known = pools.get(key);
    if (known !== undefined) return known;
    const pool = new Map(destinationsByKey(table.get(key)?.destinations ?? []));
    pools.set(key, pool);
    return pool;
  };
  for (const operation of operations) {
    const key = serviceOf(operation);
    const service = table.get(key);
    switch (operation.kind) {
      case 'create-service':
        table.set(key, { ...operation.service, traffic: noTraffic, destinations: [] });
        break;
      case 'set-service':
        if (service) table.set(key, { ...service, ...operation.service });
        break;
      case 'delete-service':
        table.delete(key);
        pools.delete(key);
        break;
      case 'create-destination':
      case 'set-destination': {
        const pool = poolOf(key);
        const server = destinationKey(operation.destination);
        const known = pool.get(server);
        pool.set(server, known === undefined ? operation.destination : { ...known, ...operation.destination });
        break;
      }
      case 'delete-destination':
        poolOf(key).delete(destinationKey(operation.destination));
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
