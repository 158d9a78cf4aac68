import { runInGuest } from '@keepfleet/test-lab';
import { expect, it } from 'vitest';

/** An advert dated an hour back would not put the takeover off, and there would be two masters. */
it('what arrives is dated by the monotonic clock, also after the clock of the host was set', async () => {
  const { code, output } = await runInGuest('exec node test/interop/src/linux-clock-main.ts');
  const rows = output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { readonly by: number; readonly age: number });
  expect({ code, by: rows.map(({ by }) => by) }, output).toEqual({ code: 0, by: [0, -3_600, 7_200] });
  // Less than the smallest step by far, however slow the guest is.
  for (const { age } of rows) {
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(60_000_000);
  }
});
