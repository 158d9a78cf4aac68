import { runChecks } from './checks-run.ts';

// Runs in a guest whose kernel has IPVS: the cases under both programs. A line of JSON about each of them.
for (const outcome of await runChecks(false)) process.stdout.write(`${JSON.stringify(outcome)}\n`);
process.exit();
