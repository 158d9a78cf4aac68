/** The controller as a part: for tests that run it in their own process. The program is main.ts. */
export { parseOptions, type Options } from './options.ts';
export { startController, StartError, type RunningController } from './start.ts';
