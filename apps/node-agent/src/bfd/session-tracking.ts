import type { LinkedProcess } from '../link/index.ts';
import type { Log } from '../log.ts';
import { SessionWatch, type SessionVerdict } from './session-watch.ts';

export interface SessionTracking<Settings> {
  readonly runDirectory: string;
  readonly log: Log;
  /** Sessions that the settings track. */
  readonly sessions: (settings: Settings) => Iterable<string>;
  /** The verdict of one of them is another. */
  readonly tell: (session: string, verdict: SessionVerdict) => void;
}

/**
 * A process that is told the verdicts of the BFD sessions that its settings track, for as long as they do. Those of before
 * are not told again: what the process knows of a session it keeps.
 */
export function trackingSessions<Settings, Command, Snapshot>(
  process: LinkedProcess<Settings, Command, Snapshot>,
  { sessions, tell, ...options }: SessionTracking<Settings>,
): LinkedProcess<Settings, Command, Snapshot> {
  const watch = new SessionWatch({ ...options, changed: tell });
  return {
    role: process.role,
    settings: process.settings,
    command: process.command,
    ...(process.alike === true ? { alike: true } : {}),
    configure: async (settings) => {
      const answer = await process.configure(settings);
      if (answer === undefined) watch.want(sessions(settings));
      return answer;
    },
    carryOut: (command) => process.carryOut(command),
    stop: (mode, by) => {
      watch.close();
      process.stop(mode, by);
    },
    snapshot: () => process.snapshot(),
    ...(process.snapshotText === undefined ? {} : { snapshotText: process.snapshotText.bind(process) }),
  };
}
