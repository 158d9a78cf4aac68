import { closeSync, openSync } from 'node:fs';
import { attempt, checked } from '../libc.ts';

const CLONE_NEWNET = 0x40000000;

/**
 * Runs `work` in another network namespace and comes back. Sockets opened inside stay there for their lifetime. Only for
 * synchronous work: after an `await` the thread is back already.
 */
export function inNetworkNamespace<T>(name: string, work: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    const there = openSync(name.includes('/') ? name : `/run/netns/${name}`, 'r');
    try {
      checked(attempt('setns', there, CLONE_NEWNET), 'setns', { detail: name, needs: 'CAP_SYS_ADMIN' });
    } finally {
      closeSync(there);
    }
    try {
      return work();
    } finally {
      checked(attempt('setns', home, CLONE_NEWNET), 'setns', {
        detail: 'back to the own namespace',
        needs: 'CAP_SYS_ADMIN',
      });
    }
  } finally {
    closeSync(home);
  }
}
