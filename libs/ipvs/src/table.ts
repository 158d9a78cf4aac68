import { type Destination, type KernelService, destinationKey, noConnections, noTraffic, serviceKey } from './model.ts';
import { type Operation, serviceOf } from './plan.ts';

/** The kernel's table as it is expected to be once the operations are carried out. */
export function tableAfter(
  before: ReadonlyMap<string, KernelService>,
  operations: readonly Operation[],
): ReadonlyMap<string, KernelService> {
  const table = new Map(before);
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
        table.delete(serviceKey(operation.id));
        break;
      case 'create-destination':
      case 'set-destination':
        if (service) table.set(key, withDestination(service, operation.destination));
        break;
      case 'delete-destination': {
        const gone = destinationKey(operation.destination);
        if (service) {
          const destinations = service.destinations.filter((each) => destinationKey(each) !== gone);
          table.set(key, { ...service, destinations });
        }
        break;
      }
    }
  }
  return table;
}

function withDestination(service: KernelService, destination: Destination): KernelService {
  const key = destinationKey(destination);
  const known = service.destinations.find((each) => destinationKey(each) === key);
  if (known === undefined) {
    const added = { ...destination, connections: noConnections, traffic: noTraffic };
    return { ...service, destinations: [...service.destinations, added] };
  }
  const destinations = service.destinations.map((each) => (each === known ? { ...known, ...destination } : each));
  return { ...service, destinations };
}
