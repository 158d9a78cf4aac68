import { ipvsFaults, ipvsGuests } from './ipvs-guest.ts';

/** Runs in a guest: its steps, or those of them whose name has a word of the command line in it, a line of JSON about each. */
const [guest = '', ...words] = process.argv.slice(2);
for (const { name, run } of [...ipvsGuests, ipvsFaults][Number(guest)] ?? []) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
  const start = performance.now();
  let error: string | null = null;
  try {
    await run();
  } catch (failure) {
    error =
      failure instanceof Error
        ? `${failure.message}\n${failure.stack ?? ''}\n${String(failure.cause ?? '')}`
        : String(failure);
  }
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  process.stdout.write(`${JSON.stringify({ name, error, seconds })}\n`);
}
process.exit();
