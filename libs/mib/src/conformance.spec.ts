import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Instant, type Step, millis, after } from '@keepfleet/machine';
import { conformanceCases, coverageGaps, playCase } from '@keepfleet/testkit';
import { hex } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { conformanceSession } from './conformance.fixture.ts';
import type { SessionInput, SessionOutput } from './messages.ts';
import { encodePdu } from './packet.ts';
import type { AgentXSession } from './session.ts';
import { sentBy } from './session.fixture.ts';

const CASES = join(import.meta.dirname, 'conformance');
const COVERAGE = join(import.meta.dirname, '../../../docs/rfc-coverage-agentx.md');
const cases = conformanceCases(CASES);

type SessionStep = Step<SessionInput, SessionOutput>;

function stepsOf(name: string): SessionStep[] {
  const lines = readFileSync(join(CASES, name, 'steps.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as SessionStep);
}

function play(session: AgentXSession, { at, input }: SessionStep): readonly SessionOutput[] {
  return input === undefined ? session.timeout(at) : session.handle(input, at);
}

/** The same bytes in portions of a size. */
function inPortions(session: AgentXSession, step: SessionStep, size: number): SessionOutput[] {
  if (step.input?.kind !== 'received') return [...play(session, step)];
  const portions = step.input.data.match(new RegExp(`.{1,${size * 2}}`, 'g')) ?? [];
  return portions.flatMap((data) => session.handle({ kind: 'received', data }, step.at));
}

describe('AgentX conformance, a scripted master', () => {
  it.each(cases)('%s', (name) => {
    const session = conformanceSession();
    const { about, outputs, wanted } = playCase(join(CASES, name), session);
    expect(outputs, about.output).toEqual(wanted);
    expect(session.snapshot(), about.rule).toMatchObject(about.ends);
  });

  it('has every case in the table of rules, and every case of that table', () => {
    expect(coverageGaps(readFileSync(COVERAGE, 'utf8'), cases)).toEqual({ unmentioned: [], unknown: [] });
  });

  it.each(cases)('%s: the same when the stream is split after every so many bytes', (name) => {
    const steps = stepsOf(name);
    const longest = Math.max(...steps.map(({ input }) => (input?.kind === 'received' ? input.data.length / 2 : 0)));
    for (let size = 1; size < longest; size++) {
      const session = conformanceSession();
      for (const step of steps) expect(inPortions(session, step, size), `portions of ${size}`).toEqual(step.outputs);
    }
  });

  it.each(cases)('%s: the same when what the master sends in a row comes joined', (name) => {
    const session = conformanceSession();
    const steps = stepsOf(name);
    for (let i = 0; i < steps.length; i++) {
      let step = steps[i];
      if (step === undefined) break;
      const outputs = [...step.outputs];
      for (let next = steps[i + 1]; isReceived(step) && isReceived(next); next = steps[i + 1]) {
        if (next.at !== step.at || outputs.some(({ kind }) => kind === 'disconnect')) break;
        step = { ...step, input: { kind: 'received', data: step.input.data + next.input.data } };
        outputs.push(...next.outputs);
        i++;
      }
      expect(play(session, step)).toEqual(outputs);
    }
  });

  it.each(cases)('%s: a master that restarts after any step gets a session that serves', (name) => {
    const steps = stepsOf(name);
    for (let cut = 1; cut <= steps.length; cut++) {
      const session = conformanceSession();
      for (const step of steps.slice(0, cut)) play(session, step);
      const now = after(steps[cut - 1]?.at ?? (0 as Instant), millis(1));
      const before = session.snapshot();
      if (before.state === 'stopped') continue;
      serveAgain(session, now);
      const snapshot = session.snapshot();
      expect([snapshot.state, snapshot.sessionId], `after step ${cut}`).toEqual(['serving', 10]);
      const waiting = before.notificationsQueued + before.counters.notificationsDropped;
      expect(snapshot.counters.notificationsDropped + snapshot.notificationsQueued).toBeLessThanOrEqual(waiting);
    }
  });
});

function isReceived(
  step: SessionStep | undefined,
): step is SessionStep & { readonly input: { readonly kind: 'received'; readonly data: string } } {
  return step?.input?.kind === 'received';
}

/** The connection is lost and made again; a master of one mind agrees to everything that it is asked. */
function serveAgain(session: AgentXSession, start: Instant): void {
  let now = start;
  session.handle({ kind: 'disconnected', reason: 'end' }, now);
  const retry = session.nextDeadline();
  if (retry === undefined) throw new Error('it does not try again');
  now = retry;
  if (session.snapshot().state !== 'connecting') session.timeout(now);
  let asked = sentBy(session.handle({ kind: 'connected' }, now));
  while (asked.length > 0) {
    asked = asked.flatMap(({ packetId }) => {
      const response = { kind: 'response', sysUpTime: 1, error: 0, index: 0, varBinds: [] } as const;
      const data = hex(encodePdu({ sessionId: 10, transactionId: 0, packetId, networkOrder: true, ...response }));
      return sentBy(session.handle({ kind: 'received', data }, now));
    });
  }
  const get = { kind: 'get', context: null, ranges: [] } as const;
  const request = encodePdu({ sessionId: 10, transactionId: 1, packetId: 1, networkOrder: true, ...get });
  const [answer] = sentBy(session.handle({ kind: 'received', data: hex(request) }, now));
  expect(answer).toMatchObject({ kind: 'response', error: 0, packetId: 1 });
}
