import { LvsAgent } from './lvs-agent.ts';
import { besideKeepalived } from './lvs-keepalived.ts';
import { lifecycle } from './lvs-lifecycle.ts';
import { steps } from './lvs-scenario.ts';
import { LvsStand } from './lvs-stand.ts';

/** Runs in a guest whose kernel has IPVS: the steps one after another up to the first that fails, a line of JSON about each. */
const stand = new LvsStand();
const agent = new LvsAgent('/run/kf-lvs/agent');
stand.up([10, 11, 99]);
await agent.start();
for (const { name, run } of [...lifecycle, ...steps, besideKeepalived]) {
  const start = performance.now();
  let error: string | null = null;
  try {
    await run(stand, agent);
  } catch (failure) {
    error =
      failure instanceof Error
        ? `${failure.message}\n${failure.stack ?? ''}\n${String(failure.cause ?? '')}`
        : String(failure);
  }
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  process.stdout.write(
    `${JSON.stringify({ name, error, seconds, log: error === null ? [] : agent.log.slice(-20) })}\n`,
  );
  // Each step begins where the one before ended.
  if (error !== null) break;
}
if (agent.running) await agent.kill('SIGKILL');
stand.down();
process.exit();
