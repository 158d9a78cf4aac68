import { type Logger, destination, pino } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/**
 * One JSON text a line on standard error, written at once, so that the last line before a crash is there. A log that
 * nobody reads any more must never stop the process: lines that cannot be written are dropped.
 */
export function createLog(role: string, level = 'info'): Log {
  const sink = destination({ fd: 2, sync: true });
  sink.on('error', () => undefined);
  return pino(
    { level, base: { role, pid: process.pid }, timestamp: () => `,"at":"${new Date().toISOString()}"` },
    sink,
  );
}
