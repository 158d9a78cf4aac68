import { Script, createContext } from 'node:vm';
import type { PatternSearch } from '@keepfleet/health';

/** A pattern may run this long: all other checks of the process wait meanwhile. */
const LIMIT_MS = 50;

const context = createContext({ source: '', flags: '', text: '', from: 0 });
const script = new Script(
  `(() => { const p = new RegExp(source, flags.includes('y') ? flags : flags + 'g'); p.lastIndex = from; return p.exec(text)?.index ?? -1; })()`,
);

/** Looks for a pattern with a limit in time, which Node has for what runs in a context of its own. */
export const search: PatternSearch = ({ source, flags }, text, from) => {
  Object.assign(context, { source, flags, text, from });
  try {
    const at: unknown = script.runInContext(context, { timeout: LIMIT_MS });
    return typeof at === 'number' ? at : -1;
  } catch (error) {
    if (isTimeout(error)) return 'too-slow';
    throw error;
  } finally {
    Object.assign(context, { text: '' });
  }
};

/** Not by its class: it may be of the other context. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}
