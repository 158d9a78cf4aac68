import type { BfdCommand, BfdEvent, BfdSettings, BfdSnapshot, SessionState } from '@keepfleet/bfd';
import { noDiscards } from '@keepfleet/bfd';
import { waitFor } from '@keepfleet/testkit';
import { ip } from '@keepfleet/wire';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LinkServer, type LinkedProcess } from '../link/index.ts';
import { createLog } from '../log.ts';
import { bfdCommandSchema, bfdSettingsSchema } from './schemas.ts';
import { SessionWatch } from './session-watch.ts';

const log = createLog('bfd', 'silent');
const DEADLINE = 120_000;

/** The bfd process's end of the link, with sessions that the test moves. */
class Sessions implements LinkedProcess<BfdSettings, BfdCommand, BfdSnapshot> {
  readonly role = 'bfd';
  readonly settings = bfdSettingsSchema;
  readonly command = bfdCommandSchema;
  readonly #states = new Map<string, { state: SessionState; remoteState: SessionState; up: number }>();
  server: LinkServer<BfdSettings, BfdCommand, BfdSnapshot, BfdEvent> | undefined;

  configure(): undefined {}
  carryOut() {
    return { ok: true } as const;
  }
  stop(): void {}

  set(name: string, state: SessionState, remoteState: SessionState = state): void {
    this.server?.changed();
    const from = this.#states.get(name)?.state ?? 'down';
    const up = (this.#states.get(name)?.up ?? 0) + (state === 'up' ? 1 : 0);
    this.#states.set(name, { state, remoteState, up });
    this.server?.event({
      kind: 'state-changed',
      session: name,
      neighbor: ip('192.0.2.2'),
      from,
      to: state,
      reason: 'neighbor',
      diagnostic: 0,
      remoteDiagnostic: 0,
      remoteState,
    });
  }

  snapshot(): BfdSnapshot {
    const sessions = [...this.#states].map(([name, { state, remoteState, up }]) => ({
      ...session,
      name,
      state,
      remoteState,
      counters: { ...session.counters, up },
    }));
    return { sessions, discarded: noDiscards() };
  }
}

const zero = 0 as BfdSnapshot['sessions'][number]['detectionTime'];
const session = {
  neighbor: ip('192.0.2.2'),
  hops: 'single',
  passive: false,
  since: 0,
  diagnostic: 0,
  remoteDiagnostic: 0,
  localDiscriminator: 1,
  remoteDiscriminator: 2,
  detectMult: 3,
  remoteDetectMult: 3,
  desiredMinTx: zero,
  requiredMinRx: zero,
  remoteMinTx: zero,
  remoteMinRx: zero,
  transmitInterval: zero,
  detectionTime: zero,
  polling: false,
  counters: {
    packetsReceived: 0,
    packetsSent: 0,
    up: 0,
    down: 0,
    pollsStarted: 0,
    pollsFinished: 0,
    discarded: noDiscards(),
  },
} as const;

describe('a watch of sessions', () => {
  let runDirectory: string;
  let sessions: Sessions;
  let watch: SessionWatch;
  let told: string[];

  async function serve(): Promise<void> {
    sessions = new Sessions();
    sessions.server = await LinkServer.listen(sessions, { runDirectory, version: '0', log });
  }

  async function end(): Promise<void> {
    await sessions.server?.close();
  }

  function watching(holdMs: number): void {
    told = [];
    watch = new SessionWatch({
      runDirectory,
      log,
      holdMs,
      changed: (name, { state }) => told.push(`${name} ${state}`),
    });
  }

  const comesTo = (...expected: string[]) =>
    waitFor(() => JSON.stringify(told) === JSON.stringify(expected), {
      deadline: DEADLINE,
      what: `${expected.join()}, not ${told.join()}`,
    });

  beforeEach(async () => {
    runDirectory = mkdtempSync(join(tmpdir(), 'kf-watch-'));
    await serve();
  });

  afterEach(async () => {
    watch.close();
    await end();
    rmSync(runDirectory, { recursive: true });
  });

  it('tells how they are, and every change of those that are wanted', async () => {
    watching(60_000);
    sessions.set('a', 'up');
    sessions.set('b', 'up');
    watch.want(['a']);
    await comesTo('a up');
    sessions.set('b', 'down');
    sessions.set('a', 'down');
    await comesTo('a up', 'a down');
    sessions.set('a', 'init');
    sessions.set('a', 'up');
    await comesTo('a up', 'a down', 'a up');
    expect(watch.verdict('a').state).toBe('up');
    expect(watch.verdict('b').state).toBe('unknown');
  });

  it('tells of one that has not come up yet as down', async () => {
    watching(60_000);
    sessions.set('a', 'down');
    watch.want(['a']);
    await comesTo('a down');
  });

  it('takes no switching off at either end for a failure (RFC 5882 section 3.2)', async () => {
    watching(60_000);
    sessions.set('a', 'up');
    watch.want(['a']);
    await comesTo('a up');
    sessions.set('a', 'down', 'admin-down');
    sessions.set('a', 'admin-down');
    sessions.set('a', 'down', 'down');
    await comesTo('a up', 'a down');
  });

  it('holds what was true over a crash of the bfd process, until the session is up again', async () => {
    watching(60_000);
    sessions.set('a', 'up');
    watch.want(['a']);
    await comesTo('a up');
    await end();
    await serve();
    sessions.set('a', 'down');
    sessions.set('a', 'init');
    sessions.set('a', 'up');
    sessions.set('a', 'down');
    await comesTo('a up', 'a down');
  });

  it('believes a new bfd process when the hold is over', async () => {
    watching(300);
    sessions.set('a', 'up');
    watch.want(['a']);
    await comesTo('a up');
    await end();
    await serve();
    sessions.set('a', 'down');
    await waitFor(() => told.at(-1) === 'a down', { deadline: DEADLINE, what: `a down, not ${told.join()}` });
  });

  it('knows nothing any more when nobody has come back', async () => {
    watching(300);
    sessions.set('a', 'up');
    watch.want(['a']);
    await comesTo('a up');
    await end();
    await comesTo('a up', 'a unknown');
    await serve();
    sessions.set('a', 'up');
    await comesTo('a up', 'a unknown', 'a up');
  });
});
