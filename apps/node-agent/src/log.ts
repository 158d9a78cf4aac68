import { type Logger, pino } from 'pino';
import { LineSink } from './line-sink.ts';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

const WARN = 40;

/** One JSON text a line on standard error. A log that nobody reads must never hold the process up, see {@link LineSink}. */
export function createLog(role: string, level = 'info'): Log {
  const base = { role, pid: process.pid };
  const sink = new LineSink(2, (lost) => {
    const msg = `${lost} lines before this one are lost: the disk was full, or whoever reads this log did not read`;
    return `${JSON.stringify({ level: WARN, at: new Date().toISOString(), ...base, lost, msg })}\n`;
  });
  return pino({ level, base, timestamp: () => `,"at":"${new Date().toISOString()}"` }, sink);
}
