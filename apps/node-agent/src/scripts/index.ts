/** Programs that the configuration names: who they run as, whether they may run as root, and how they are started and ended. */
export { accounts } from './accounts.ts';
export { type RunningScript, type ScriptCommand, type ScriptEnd, type ScriptRefusal, startScript } from './script.ts';
export { whyInsecure } from './security.ts';
