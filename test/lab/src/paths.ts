import { join, resolve } from 'node:path';
import { instance, type Host } from './plan.ts';

export const repository = resolve(import.meta.dirname, '../../..');

/** Everything the lab writes is below here. */
export const labDirectory = `/run/keepfleet-lab${instance === '' ? '' : `-${instance}`}`;

export const paths = {
  /** Read by `keepfleet` to find a running lab; it is there while the lab is up, and complete once it is. */
  discovery: join(labDirectory, 'lab.json'),
  socket: join(labDirectory, 'lab.sock'),
  log: join(labDirectory, 'lab.log'),
  guests: join(labDirectory, 'guests'),
  certificates: join(labDirectory, 'pki'),
  forwards: join(labDirectory, 'forwards'),
} as const;

/** A host's own directory: its configuration, keys, state and logs. A director sees it as /run/lab. */
export function hostDirectory(host: Host): string {
  return join(labDirectory, 'hosts', host.name);
}

export function logDirectory(host: Host): string {
  return join(hostDirectory(host), 'logs');
}

export const node = join(repository, 'node_modules/.bin/node');
