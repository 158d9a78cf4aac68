import { Script, createContext } from 'node:vm';
import type { PatternSearch } from '@keepfleet/health';

/** A pattern may take this much of a processor: all other checks of the process wait meanwhile. */
const LIMIT_MS = 50;

const context = createContext({ source: '', flags: '', text: '', from: 0 });
const script = new Script(
  `(() => { const p = new RegExp(source, flags.includes('y') ? flags : flags + 'g'); p.lastIndex = from; return p.exec(text)?.index ?? -1; })()`,
);

/** Looks for a pattern with a limit in time, which Node has for what runs in a context of its own. */
export const search: PatternSearch = ({ source, flags }, text, from) => {
  Object.assign(context, { source, flags, text, from });
  try {
    // That limit is one of the wall clock: on a busy machine the search may have hardly run meanwhile, and has another turn.
    const before = process.cpuUsage();
    for (let timeout = LIMIT_MS; ; timeout *= 2) {
      const at = searchWithin(timeout);
      if (at !== undefined) return at;
      const { user, system } = process.cpuUsage(before);
      if ((user + system) / 1_000 > 0.8 * LIMIT_MS) return 'too-slow';
    }
  } finally {
    Object.assign(context, { text: '' });
  }
};

function searchWithin(timeout: number): number | 'too-slow' | undefined {
  try {
    const at: unknown = script.runInContext(context, { timeout });
    return typeof at === 'number' ? at : -1;
  } catch (error) {
    if (isTimeout(error)) return undefined;
    // Out of room to go back in: that is of the other context's own RangeError.
    if (isNamed(error, 'RangeError')) return 'too-slow';
    throw error;
  }
}

/** Not by its class: it may be of the other context. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}

function isNamed(error: unknown, name: string): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === name;
}
