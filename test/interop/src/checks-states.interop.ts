import { runInGuest } from '@keepfleet/test-lab';
import { GUEST_MS, compareStates } from './checks-states-suite.ts';

compareStates('quorum, sorry server, alpha and omega in the kernel, beside keepalived', async () => {
  const script = 'exec node test/interop/src/checks-states-run.ts';
  const { output } = await runInGuest(script, { timeout: GUEST_MS, megabytes: 768 });
  return output;
});
