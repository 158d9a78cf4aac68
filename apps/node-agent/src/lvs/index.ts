import { nameProcess } from '@keepfleet/linux';
import type { CheckerSettings } from '@keepfleet/health';
import type { LvsCommand, LvsEvent, LvsSettings, LvsSnapshot } from '@keepfleet/ipvs';
import { trackingSessions } from '../bfd/session-tracking.ts';
import { LinkServer } from '../link/index.ts';
import type { RoleOptions } from '../options.ts';
import { ProcessScheduling } from '../scheduling.ts';
import { LvsProcess } from './lvs-process.ts';
import { Ownership } from './ownership.ts';

/**
 * The lvs process: IPVS and health checks, and nothing else. Resolves when it is told to stop. SIGTERM and SIGINT remove
 * its services (`release`); kill -9 leaves IPVS as it is, and the next start goes on from there.
 */
export async function runLvs(options: Pick<RoleOptions, 'runDirectory' | 'version' | 'log'>): Promise<void> {
  const { log } = options;
  nameProcess('keepfleet-lvs');
  new ProcessScheduling('lvs', log).beginTimely();
  const lvs = new LvsProcess(new Ownership(options.runDirectory, log), log);
  const tracking = trackingSessions<LvsSettings<CheckerSettings>, LvsCommand, LvsSnapshot>(lvs, {
    ...options,
    sessions: checkedSessions,
    // What is not known changes no verdict: the last one stays.
    tell: (name, { state }) => {
      if (state !== 'unknown') lvs.bfdSessions.set(name, state === 'up');
    },
  });
  const server = await LinkServer.listen<LvsSettings<CheckerSettings>, LvsCommand, LvsSnapshot, LvsEvent>(
    tracking,
    options,
  );
  await new Promise<void>((resolve) => {
    lvs.start({
      event: (event) => {
        // Of thousands of servers at the end one line tells how many there were.
        if (!hasStopped(event)) log[levels[event.kind]](event, 'event');
        server.event(event);
      },
      changed: () => server.changed(),
      problems: (problems) => (server.problems = problems),
      stopped: resolve,
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => tracking.stop('release'));
  });
  await server.close();
}

/** Sessions that a BFD_CHECK asks for. */
function* checkedSessions({ virtualServers }: LvsSettings<CheckerSettings>): Generator<string, void> {
  for (const { realServers } of virtualServers)
    for (const { checkers } of realServers) for (const check of checkers) if (check.kind === 'bfd') yield check.name;
}

function hasStopped(event: LvsEvent): boolean {
  return 'reason' in event && event.reason === 'stopped';
}

const levels: Readonly<Record<LvsEvent['kind'], 'info' | 'warn' | 'error'>> = {
  'real-server-up': 'info',
  'real-server-down': 'error',
  'quorum-gained': 'info',
  'quorum-lost': 'error',
  'sorry-server-in': 'warn',
  'sorry-server-out': 'info',
  'weight-changed': 'info',
  'drift-repaired': 'warn',
  'drift-found': 'warn',
  'operation-refused': 'error',
  'sync-daemon-started': 'info',
  'sync-daemon-stopped': 'info',
  'ipvs-available': 'info',
  'ipvs-unavailable': 'error',
};
