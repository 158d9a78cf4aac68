import { shareOfOne } from '@keepfleet/swim/test/one-of-many';

// What a member costs as its fleet grows, for the benchmark: bytes and its own processor time a second. Prints one line.

const TIME_S = 1_000;
const SIZES = [3, 32, 100, 1000, 5000];
/** Every size once a turn: what the machine does beside, and what it learns at first, is spread over all of them. */
const TURNS = 5;

/** Microseconds that this thread has run: what others run meanwhile does not count. */
function spent(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** Bytes that a member sends, and its processor time in microseconds; both a second. */
function measure(members: number): { readonly bytes: number; readonly micros: number } {
  const calls: number[] = [];
  const { bytes } = shareOfOne(members, TIME_S, (work) => {
    const began = spent();
    const result = work();
    calls.push(spent() - began);
    return result;
  });
  // Three calls a second: its probe and the answer, and another's probe.
  const rest = calls.slice(-2.5 * TIME_S);
  return { bytes, micros: (3 * rest.reduce((sum, one) => sum + one, 0)) / rest.length };
}

measure(100);
const turns = Array.from({ length: TURNS }, () => SIZES.map(measure));
const words = SIZES.map((members, i) => {
  const all = turns.flatMap((turn) => turn[i] ?? []).sort((a, b) => a.micros - b.micros);
  const median = all[Math.floor(all.length / 2)];
  return `among ${members} ${Math.round(median?.bytes ?? NaN)} bytes and ${Math.round(median?.micros ?? NaN)} µs a second`;
});
process.stdout.write(`${words.join('; ')}\n`);
