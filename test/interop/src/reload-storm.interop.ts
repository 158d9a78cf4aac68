import { runInGuest } from '@keepfleet/test-lab';
import { expect, it } from 'vitest';

// A slice of `npm run soak reload-storm`.

const ROUNDS = 4;

it('reloads with random edits lose no request, move no address and leave in the kernel what the file says', async () => {
  const run = await runInGuest(`exec node test/interop/src/reload-storm.ts ${ROUNDS} 5`, { timeout: 900_000 });
  const last = run.output.trim().split('\n').at(-1) ?? '';
  expect(last.startsWith('{') ? JSON.parse(last) : run.output).toMatchObject({ done: true, rounds: ROUNDS });
}, 920_000);
