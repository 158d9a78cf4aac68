import { status } from '@grpc/grpc-js';
import { local } from '@keepfleet/rpc';
import { errorText } from '../error-text.ts';
import type { Outcome } from '../link/index.ts';
import type { LastGoodStore } from './last-good.ts';
import type { ReloadOutcome, Reloader } from './reloader.ts';

const LONGEST_CONFIRM_S = 86_400;

/** Sets counters of IPVS to 0: of a virtual server by its key, or of everything. */
export type ZeroCounters = (virtualServer: string | undefined) => Promise<Outcome>;

/** For root on the node, over the agent's socket: reloads that are confirmed, what is in force, counters set to 0. */
export function localService(
  reloader: Reloader,
  file: string,
  lastGood: LastGoodStore,
  zeroCounters: ZeroCounters,
): local.LocalServer {
  const configuration = (): local.ConfigurationStatus => ({
    file,
    hash: reloader.current?.hash ?? '',
    lastGoodHash: lastGood.read()?.hash ?? '',
    revertsAt: reloader.revertsAt,
    fromLastGood: reloader.fromLastGood,
  });
  const answer = (work: Promise<ReloadOutcome>, done: Callback<local.ReloadResult>) =>
    void work.then(
      (outcome) => done(null, { ...outcome, messages: [...outcome.messages], configuration: configuration() }),
      (error: unknown) => done({ code: status.INTERNAL, details: errorText(error) }),
    );
  return {
    reload: ({ request }, done) => {
      if (request.confirmSeconds <= LONGEST_CONFIRM_S) answer(reloader.reload(request.confirmSeconds), done);
      else done({ code: status.INVALID_ARGUMENT, details: `at most ${LONGEST_CONFIRM_S} s` });
    },
    confirm: (_call, done) => answer(reloader.confirm(), done),
    revert: (_call, done) => answer(reloader.revert(), done),
    getConfiguration: (_call, done) => done(null, configuration()),
    zeroCounters: ({ request: { virtualServer } }, done) =>
      void zeroCounters(virtualServer === '' ? undefined : virtualServer).then(
        (outcome) => done(null, { done: outcome.ok, detail: outcome.ok ? '' : outcome.reason }),
        (error: unknown) => done({ code: status.INTERNAL, details: errorText(error) }),
      ),
  };
}

type Callback<T> = (error: { code: status; details: string } | null, value?: T) => void;
