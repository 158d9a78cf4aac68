import type { Log } from './log.ts';

type Role = 'control' | 'vrrp' | 'lvs' | 'bfd';

/**
 * Signals that mean nothing to a role, and whose default would end it (or, SIGUSR1, open Node's debugger): sent by habits
 * that other daemons taught, such as `pkill -HUP keepfleet`, and by a reload that comes before there is anything to reload.
 */
const STRAY: Readonly<Record<Role, readonly NodeJS.Signals[]>> = {
  // SIGHUP is taken later too; the configuration is read after this, so that an early one is not lost.
  control: ['SIGHUP', 'SIGUSR1', 'SIGUSR2'],
  vrrp: ['SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'],
  lvs: ['SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'],
  bfd: ['SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'],
};

/** To be called before anything else that takes time. */
export function outliveStraySignals(role: Role, log: Log): void {
  for (const signal of STRAY[role]) {
    process.on(signal, () => {
      // Taken later; until then they only must not end the process.
      if (role === 'control') return;
      const advice = '; the control process takes signals, its number is in control.pid';
      log.info({ signal }, `${signal} means nothing to this process and is ignored${advice}`);
    });
  }
}
