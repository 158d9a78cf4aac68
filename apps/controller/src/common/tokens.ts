/** What is given to the controller from outside and therefore has no class to be asked for by. */
export const CLOCK = Symbol('clock');
export const DATABASE = Symbol('database');
export const LOG = Symbol('log');
export const OPTIONS = Symbol('options');
