import { shareOfOne } from '@keepfleet/swim/test/one-of-many';

// What a member costs as its fleet grows, for the benchmark: bytes and its own processor time a second. Prints one line.

const TIME_S = 3_000;
/** The same fleet twice: the first pays for what the machine has to learn. */
const SIZES = [100, 3, 32, 100, 1000, 5000];

const words = SIZES.map((members) => {
  const calls: number[] = [];
  const { bytes } = shareOfOne(members, TIME_S, (work) => {
    const began = performance.now();
    const result = work();
    calls.push(1000 * (performance.now() - began));
    return result;
  });
  // Three calls a second: its probe and the answer, and another's probe.
  const rest = calls.slice(-2.5 * TIME_S);
  const micros = (3 * rest.reduce((sum, one) => sum + one, 0)) / rest.length;
  return `among ${members} ${Math.round(bytes)} bytes and ${Math.round(micros)} µs a second`;
});
process.stdout.write(`${words.slice(1).join('; ')}\n`);
