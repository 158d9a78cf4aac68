import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { LineSink } from './line-sink.ts';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

const WARN = 40;

/** Where a process that cannot share control's log writes its own. */
export function logPath(runDirectory: string, role: string): string {
  return join(runDirectory, `${role}.log`);
}

/**
 * One JSON text a line on standard error. A log that nobody reads must never hold the process up, see {@link LineSink}. One
 * that is the role's file in `runDirectory` is kept small.
 */
export function createLog(role: string, level = 'info', runDirectory?: string): Log {
  const base = { role, pid: process.pid };
  const lossText = (lost: number) => {
    const msg = `${lost} lines before this one are lost: the disk was full, or whoever reads this log did not read`;
    return `${JSON.stringify({ level: WARN, at: new Date().toISOString(), ...base, lost, msg })}\n`;
  };
  const sink = new LineSink(2, lossText, runDirectory === undefined ? undefined : logPath(runDirectory, role));
  return pino({ level, base, timestamp: () => `,"at":"${new Date().toISOString()}"` }, sink);
}
