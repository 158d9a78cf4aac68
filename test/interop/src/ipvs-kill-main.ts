import { killUnderLoad, seeded } from './ipvs-death.ts';

/** Runs in a guest: so many kills from a seed; a line of JSON about each, and one at the end. */
const [kills = '200', seed = '1'] = process.argv.slice(2);
const { good, slowest } = await killUnderLoad(Number(kills), seeded(Number(seed)), (count) =>
  process.stdout.write(`${JSON.stringify({ killed: count })}\n`),
);
process.stdout.write(`${JSON.stringify({ requests: good, slowest })}\n`);
process.exit();
