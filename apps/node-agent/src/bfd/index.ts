import type { BfdCommand, BfdEvent, BfdSettings, BfdSnapshot } from '@keepfleet/bfd';
import { missingCapabilities, nameProcess, setTimerSlack } from '@keepfleet/linux';
import { LinkServer } from '../link/index.ts';
import type { Log } from '../log.ts';
import { BfdProcess } from './bfd-process.ts';

export interface BfdOptions {
  readonly runDirectory: string;
  readonly version: string;
  readonly log: Log;
  /** Settings to begin with, for a process that no control process configures. */
  readonly settings?: BfdSettings;
}

/**
 * Runs the bfd process until it is told to stop: BFD and nothing else. It listens for a control process, and for the vrrp
 * and lvs processes, which read the state of its sessions ({@link SessionWatch}); it needs none of them.
 */
export async function runBfd(options: BfdOptions): Promise<void> {
  const { log } = options;
  const missing = missingCapabilities(['CAP_NET_ADMIN']);
  if (missing.length > 0)
    throw new Error(
      `the bfd process needs ${missing.join(' and ')}: run it as root, or grant them in the service unit`,
    );
  nameProcess('keepfleet-bfd');
  // Node rounds timers to milliseconds; the kernel need not add its 50 µs.
  setTimerSlack(1);
  const bfd = new BfdProcess(log);
  const link = await LinkServer.listen<BfdSettings, BfdCommand, BfdSnapshot, BfdEvent>(bfd, options);
  const stopped = new Promise<void>((resolve) =>
    bfd.start({
      event: (event) => link.event(event),
      changed: () => link.changed(),
      problems: (problems) => (link.problems = problems),
      stopped: resolve,
    }),
  );
  const release = (signal: NodeJS.Signals) => {
    log.info({ signal }, 'telling the neighbours and stopping');
    bfd.stop('release');
  };
  process.on('SIGTERM', release);
  process.on('SIGINT', release);
  log.info({ incarnation: link.incarnation }, 'the bfd process is up');
  if (options.settings !== undefined) {
    const answer = bfd.configure(options.settings);
    if (answer !== undefined) throw new Error(answer.refused);
  }
  await stopped;
  process.off('SIGTERM', release);
  process.off('SIGINT', release);
  await link.close();
}

export { type SessionVerdict, SessionWatch, type SessionWatchOptions } from './session-watch.ts';
