import { missingCapabilities, nameProcess, setTimerSlack } from '@keepfleet/linux';
import type { VrrpCommand, VrrpEvent, VrrpSettings, VrrpSnapshot } from '@keepfleet/vrrp';
import { trackingSessions } from '../bfd/session-tracking.ts';
import { LinkServer } from '../link/index.ts';
import type { Log } from '../log.ts';
import { VrrpProcess } from './vrrp-process.ts';

export interface VrrpOptions {
  readonly runDirectory: string;
  readonly version: string;
  readonly log: Log;
  /** Settings to begin with, for a process that no control process configures. */
  readonly settings?: VrrpSettings;
}

/** Runs the vrrp process until it is told to stop; it listens for a control process and does not need one. */
export async function runVrrp(options: VrrpOptions): Promise<void> {
  const { log } = options;
  const missing = missingCapabilities(['CAP_NET_ADMIN', 'CAP_NET_RAW']);
  if (missing.length > 0)
    throw new Error(
      `the vrrp process needs ${missing.join(' and ')}: run it as root, or grant them in the service unit`,
    );
  nameProcess('keepfleet-vrrp');
  // Node rounds timers to milliseconds; the kernel need not add its 50 µs.
  setTimerSlack(1);
  const vrrp = new VrrpProcess(log);
  const tracking = trackingSessions(vrrp, {
    ...options,
    sessions: ({ instances }) =>
      instances.flatMap(({ trackers = [] }) => trackers.flatMap(({ type, name }) => (type === 'bfd' ? [name] : []))),
    tell: (name, { state }) => vrrp.track({ kind: 'tracker', tracker: 'bfd', name, state }),
  });
  const link = await LinkServer.listen<VrrpSettings, VrrpCommand, VrrpSnapshot, VrrpEvent>(tracking, options);
  const stopped = new Promise<void>((resolve) =>
    vrrp.start({ event: (event) => link.event(event), changed: () => link.changed(), stopped: resolve }),
  );
  const release = (signal: NodeJS.Signals) => {
    log.info({ signal }, 'handing over and stopping');
    tracking.stop('release', 'signal');
  };
  process.on('SIGTERM', release);
  process.on('SIGINT', release);
  log.info({ incarnation: link.incarnation }, 'the vrrp process is up');
  if (options.settings !== undefined) {
    const answer = await tracking.configure(options.settings);
    if (answer !== undefined) throw new Error(answer.refused);
  }
  await stopped;
  process.off('SIGTERM', release);
  process.off('SIGINT', release);
  await link.close();
}
