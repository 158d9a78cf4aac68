import { vi } from 'vitest';

/** How long `vi.waitFor` waits unless told, ms; its own second is too little on a busy machine. */
const PATIENCE = 120_000;

const wait = vi.waitFor;
vi.waitFor = (callback, options) =>
  wait(callback, typeof options === 'number' ? options : { timeout: PATIENCE, ...options });
