export interface WaitOptions {
  /** Milliseconds of real time after which waiting is a failure. */
  readonly deadline: number;
  /** What is waited for, said in the failure. */
  readonly what: string;
  /** Milliseconds between two looks; default 20. */
  readonly every?: number;
}

/** The deadline of {@link waitFor} passed; `lastError` is what the condition threw at the last look, if it threw. */
export class WaitTimeout extends Error {
  override readonly name = 'WaitTimeout';
}

/**
 * Looks again and again until the condition gives something other than false, undefined or null, and returns that. For
 * live tests, where the outside world has no callback to wait on; a condition that throws counts as not yet true.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, false | undefined | null>> {
  const end = performance.now() + options.deadline;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== false && value !== undefined && value !== null)
        return value as Exclude<T, false | undefined | null>;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= end)
      throw new WaitTimeout(`not within ${options.deadline} ms: ${options.what}`, { cause: lastError });
    await new Promise((resolve) => setTimeout(resolve, options.every ?? 20));
  }
}
