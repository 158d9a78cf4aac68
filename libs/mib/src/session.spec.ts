import { millis, seconds } from '@keepfleet/machine';
import { hex, unhex } from '@keepfleet/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SessionInput } from './messages.ts';
import { oid, oidText } from './oid.ts';
import { type PduBody, encodePdu } from './packet.ts';
import { ROOT, Stand, errorOf, kinds, problemsOf, sentBy } from './session.fixture.ts';
import { MAX_QUEUED_NOTIFICATIONS } from './notify-queue.ts';
import { ERROR_STATUS } from './value.ts';

describe('AgentXSession: making a session', () => {
  it('connects, opens, registers every subtree, and serves', () => {
    const stand = new Stand([ROOT, '1.3.6.1.2.1.68']);
    expect(stand.input({ kind: 'start' })).toEqual([{ kind: 'connect' }]);
    expect(sentBy(stand.input({ kind: 'connected' }))).toMatchObject([
      { kind: 'open', sessionId: 0, timeout: 5, id: [], description: unhex('73706563') },
    ]);
    expect(sentBy(stand.agree())).toMatchObject([
      { kind: 'register', sessionId: 9, priority: 127, subtree: oid(ROOT), range: null, instance: false },
    ]);
    expect(sentBy(stand.agree())).toMatchObject([{ kind: 'register', subtree: oid('1.3.6.1.2.1.68') }]);
    expect(stand.agree()).toEqual([{ kind: 'serving', sessionId: 9, sysUpTime: 1 }]);
    expect(stand.session.snapshot()).toMatchObject({ state: 'serving', sessionId: 9, lastProblem: null });
  });

  it('tries again after a refused connection, in growing pauses that end at five seconds, for ever', () => {
    const stand = new Stand();
    stand.input({ kind: 'start' });
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const outputs = stand.input({ kind: 'disconnected', reason: 'ENOENT' });
      expect(problemsOf(outputs)).toEqual([{ kind: 'connect-failed', reason: 'ENOENT' }]);
      const retry = stand.session.nextDeadline() ?? stand.now;
      pauses.push((retry - stand.now) / 1000);
      stand.now = retry;
      expect(kinds(stand.session.timeout(retry))).toEqual(['connect']);
    }
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
  });

  it('comes back by itself after the end of a connection, soon', () => {
    const stand = new Stand().serving();
    expect(problemsOf(stand.input({ kind: 'disconnected', reason: 'ECONNRESET' }))).toEqual([
      { kind: 'connection-lost', reason: 'ECONNRESET' },
    ]);
    expect(kinds(stand.pass(millis(250)))).toEqual(['connect']);
    stand.input({ kind: 'connected' });
    stand.agree(10);
    expect(stand.agree(10)).toEqual([{ kind: 'serving', sessionId: 10, sysUpTime: 1 }]);
    expect(stand.session.snapshot().counters.sessions).toBe(2);
  });

  it('begins a new connection with an empty stream', () => {
    const stand = new Stand().serving();
    stand.input({ kind: 'received', data: '0105' });
    stand.input({ kind: 'disconnected', reason: 'end' });
    stand.pass(millis(250));
    stand.input({ kind: 'connected' });
    expect(sentBy(stand.agree())).toMatchObject([{ kind: 'register' }]);
  });

  it.each<[string, (stand: Stand) => void]>([
    ['connection', () => {}],
    ['open', (stand) => stand.input({ kind: 'connected' })],
    [
      'register',
      (stand) => {
        stand.input({ kind: 'connected' });
        stand.agree();
      },
    ],
  ])('gives up a master that is silent at the %s, and tries again', (waitingFor, prepare) => {
    const stand = new Stand();
    stand.input({ kind: 'start' });
    prepare(stand);
    const outputs = stand.pass(seconds(5));
    expect(kinds(outputs)).toEqual(['disconnect', 'problem']);
    expect(problemsOf(outputs)).toEqual([{ kind: 'timeout', waitingFor }]);
    expect(kinds(stand.pass(seconds(5)))).toContain('connect');
  });

  it('says why the master refuses, and tries again', () => {
    const stand = new Stand();
    stand.input({ kind: 'start' });
    stand.input({ kind: 'connected' });
    expect(problemsOf(stand.agree(0, 'open-failed'))).toEqual([
      { kind: 'refused', request: 'open', error: 'open-failed' },
    ]);
    stand.pass(millis(250));
    stand.input({ kind: 'connected' });
    stand.agree();
    const outputs = stand.agree(9, 'duplicate-registration');
    expect(kinds(outputs)).toContain('disconnect');
    expect(problemsOf(outputs)).toEqual([{ kind: 'refused', request: 'register', error: 'duplicate-registration' }]);
    stand.pass(millis(500));
    stand.input({ kind: 'connected' });
    stand.agree();
    expect(problemsOf(stand.agree(9, 'unknown'))).toEqual([
      { kind: 'refused', request: 'register', error: 'error 999' },
    ]);
  });

  it('asks a silent master whether it lives, and connects again when it does not', () => {
    const stand = new Stand().serving();
    expect(sentBy(stand.pass(seconds(30)))).toMatchObject([{ kind: 'ping', sessionId: 9 }]);
    stand.agree();
    expect(sentBy(stand.pass(seconds(30)))).toMatchObject([{ kind: 'ping' }]);
    const outputs = stand.pass(seconds(10));
    expect(kinds(outputs)).toEqual(['disconnect', 'problem']);
    expect(problemsOf(outputs)).toEqual([{ kind: 'timeout', waitingFor: 'ping' }]);
  });

  it('does not ask a master that asks us', () => {
    const stand = new Stand().serving();
    for (let i = 0; i < 10; i++) {
      expect(stand.pass(seconds(20))).toEqual([]);
      stand.master({ kind: 'get', context: null, ranges: [] });
    }
  });

  it('opens again when the master has forgotten the session', () => {
    const stand = new Stand().serving();
    stand.pass(seconds(30));
    const outputs = stand.agree(9, 'not-open');
    expect(kinds(outputs)).toEqual(['disconnect', 'problem']);
    expect(problemsOf(outputs)).toEqual([{ kind: 'refused', request: 'ping', error: 'not-open' }]);
  });

  it('connects again when the master closes the session', () => {
    const stand = new Stand().serving();
    const outputs = stand.input({
      kind: 'received',
      data: '0102100000000009000000000000000100000004' + '05000000',
    });
    expect(problemsOf(outputs)).toEqual([{ kind: 'closed-by-master', reason: 5 }]);
    expect(kinds(stand.pass(millis(250)))).toEqual(['connect']);
  });

  it('says goodbye when it is stopped, and stays so', () => {
    const stand = new Stand().serving();
    const outputs = stand.input({ kind: 'stop' });
    expect(sentBy(outputs)).toMatchObject([{ kind: 'close', sessionId: 9, reason: 5 }]);
    expect(kinds(outputs)).toEqual(['send', 'disconnect']);
    expect(stand.session.nextDeadline()).toBeUndefined();
    expect(stand.input({ kind: 'disconnected', reason: 'end' })).toEqual([]);
    expect(stand.pass(seconds(1000))).toEqual([]);
  });
});

describe('AgentXSession: answering', () => {
  const get = (name: string): PduBody => ({
    kind: 'get',
    context: null,
    ranges: [{ start: oid(name), include: false, end: [] }],
  });

  it('answers many requests that come at once, in their order, each in its own byte order', () => {
    const stand = new Stand().serving();
    const requests = Array.from({ length: 50 }, (_, i) =>
      encodePdu({
        sessionId: 9,
        transactionId: i,
        packetId: 1000 + i,
        networkOrder: i % 2 === 0,
        ...get(`${ROOT}.1.2.0`),
      }),
    );
    const answers = sentBy(stand.input({ kind: 'received', data: requests.map(hex).join('') }));
    expect(answers.map(({ packetId }) => packetId)).toEqual(requests.map((_, i) => 1000 + i));
    expect(answers.map(({ networkOrder }) => networkOrder)).toEqual(requests.map((_, i) => i % 2 === 0));
    for (const answer of answers) {
      expect(answer).toMatchObject({ kind: 'response', error: 0, varBinds: [{ value: { value: unhex('4c31') } }] });
    }
  });

  it('answers a request that comes in pieces', () => {
    const stand = new Stand().serving();
    const request = hex(
      encodePdu({ sessionId: 9, transactionId: 1, packetId: 7, networkOrder: true, ...get(`${ROOT}.1.2.0`) }),
    );
    const outputs = request.match(/../g)?.map((data) => stand.input({ kind: 'received', data })) ?? [];
    expect(outputs.slice(0, -1).flat()).toEqual([]);
    expect(sentBy(outputs.at(-1) ?? [])).toMatchObject([{ kind: 'response', packetId: 7 }]);
  });

  it('answers get-next with the end of the view where the range has nothing more', () => {
    const answer = new Stand().serving().master({
      kind: 'get-next',
      context: null,
      ranges: [
        { start: oid(ROOT), include: false, end: [] },
        { start: oid(`${ROOT}.9`), include: false, end: [] },
        { start: oid(`${ROOT}.3.4.1.7.1.1`), include: false, end: oid(`${ROOT}.3.4.1.7.1.2`) },
      ],
    })[0];
    expect(
      answer?.kind === 'response' && answer.varBinds.map(({ name, value }) => [oidText(name), value.type]),
    ).toEqual([
      [`${ROOT}.1.1.0`, 'octets'],
      [`${ROOT}.9`, 'end-of-mib-view'],
      [`${ROOT}.3.4.1.7.1.1`, 'end-of-mib-view'],
    ]);
  });

  it('answers get-bulk', () => {
    const answer = new Stand().serving().master({
      kind: 'get-bulk',
      context: null,
      nonRepeaters: 0,
      maxRepetitions: 3,
      ranges: [{ start: oid(`${ROOT}.1`), include: false, end: [] }],
    })[0];
    expect(answer?.kind === 'response' && answer.varBinds).toHaveLength(3);
  });

  it('refuses a context, a foreign session and what is no request of a master', () => {
    const stand = new Stand().serving();
    expect(errorOf(stand.master({ kind: 'get', context: unhex('78'), ranges: [] }))[0]).toBe('unsupported-context');
    expect(errorOf(stand.master(get(ROOT), { sessionId: 8 }))[0]).toBe('not-open');
    expect(errorOf(stand.master({ kind: 'ping', context: null }))[0]).toBe('processing-error');
    expect(stand.session.snapshot().counters.problems).toEqual({ 'wrong-session': 1, 'unexpected-pdu': 1 });
  });

  it('answers what it cannot read with parse-error and goes on', () => {
    const stand = new Stand().serving();
    const outputs = stand.input({ kind: 'received', data: '0108100000000009000000010000000500000004' + '00030000' });
    expect(sentBy(outputs)).toMatchObject([{ kind: 'response', packetId: 5, error: ERROR_STATUS['parse-error'] }]);
    expect(problemsOf(outputs)).toEqual([{ kind: 'bad-pdu', error: 'truncated' }]);
    expect(errorOf(stand.master(get(`${ROOT}.1.2.0`)))[0]).toBe('no-error');
  });

  it('never answers an answer, not even one that it cannot read', () => {
    const stand = new Stand().serving();
    expect(
      sentBy(stand.input({ kind: 'received', data: '01121000000000090000000100000005000000' + '0400030000' })),
    ).toEqual([]);
    expect(sentBy(stand.agree())).toEqual([]);
  });

  it('gives up a stream that is no AgentX, and connects again', () => {
    const stand = new Stand().serving();
    const outputs = stand.input({ kind: 'received', data: hex(Uint8Array.from({ length: 40 }, (_, i) => 65 + i)) });
    expect(kinds(outputs)).toEqual(['disconnect', 'problem']);
    expect(problemsOf(outputs)).toEqual([{ kind: 'bad-stream', error: 'bad-version' }]);
    expect(kinds(stand.pass(millis(250)))).toEqual(['connect']);
  });

  it('throws in no state and for no bytes', () => {
    const inputs = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }).map((data): SessionInput => ({ kind: 'received', data: hex(data) })),
        fc
          .tuple(fc.integer({ min: 0, max: 19 }), fc.integer({ min: 0, max: 3 }), fc.uint8Array({ maxLength: 40 }))
          .map(([type, packet, rest]): SessionInput => {
            const payload = rest.subarray(0, rest.length - (rest.length % 4));
            const head = unhex(`01 00 10 00 00000009 00000001 0000000${packet} 000000`);
            head[1] = type;
            return { kind: 'received', data: hex(head) + payload.length.toString(16).padStart(2, '0') + hex(payload) };
          }),
        fc.constantFrom<SessionInput>({ kind: 'connected' }, { kind: 'disconnected', reason: 'x' }, { kind: 'start' }),
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(inputs, (list) => {
        const stand = new Stand();
        stand.input({ kind: 'start' });
        for (const input of list) {
          stand.input(input);
          stand.pass(millis(400));
        }
        expect(stand.session.nextDeadline()).toBeDefined();
      }),
      { numRuns: 300 },
    );
  });
});

describe('AgentXSession: subtrees, capabilities and notifications', () => {
  const OTHER = '1.3.6.1.2.1.68';

  function partlyRefused(): Stand {
    const stand = new Stand([ROOT, OTHER]);
    stand.input({ kind: 'start' });
    stand.input({ kind: 'connected' });
    stand.agree();
    stand.agree();
    stand.agree(9, 'duplicate-registration');
    return stand;
  }

  it('serves what it got when another sub-agent has one of the subtrees, and asks for that again', () => {
    const stand = partlyRefused();
    expect(stand.session.snapshot()).toMatchObject({
      state: 'serving',
      refusedSubtrees: [OTHER],
      lastProblem: { kind: 'refused', request: 'register', error: 'duplicate-registration' },
    });
    const again = sentBy(stand.pass(seconds(30))).filter(({ kind }) => kind === 'register');
    expect(again).toMatchObject([{ kind: 'register', subtree: oid(OTHER) }]);
    stand.master(
      { kind: 'response', sysUpTime: 1, error: 0, index: 0, varBinds: [] },
      { packetId: again[0]?.packetId ?? 0 },
    );
    expect(stand.session.snapshot()).toMatchObject({ refusedSubtrees: [], lastProblem: null });
  });

  it('enters its modules in sysORTable, and bears a master that has no such table', () => {
    const stand = new Stand([ROOT], [{ id: OTHER, description: 'spec' }]);
    stand.input({ kind: 'start' });
    stand.input({ kind: 'connected' });
    stand.agree();
    const [caps] = sentBy(stand.agree());
    expect(caps).toMatchObject({ kind: 'add-agent-caps', id: oid(OTHER), description: unhex('73706563') });
    expect(problemsOf(stand.agree(9, 'request-denied'))).toEqual([
      { kind: 'refused', request: 'add-agent-caps', error: 'request-denied' },
    ]);
    expect(stand.session.snapshot().state).toBe('serving');
  });

  const telling = (value: number): SessionInput => ({
    kind: 'notify',
    varBinds: [{ name: oid('1.3.6.1.6.3.1.1.4.1.0'), value: { type: 'integer', value } }],
  });
  const told = (outputs: Parameters<typeof sentBy>[0]) =>
    sentBy(outputs).flatMap((pdu) =>
      pdu.kind === 'notify'
        ? pdu.varBinds.map(({ value }) => (value.type === 'integer' ? value.value : undefined))
        : [],
    );

  it('sends notifications one after another, in order', () => {
    const stand = new Stand().serving();
    expect(told(stand.input(telling(1)))).toEqual([1]);
    expect(told(stand.input(telling(2)))).toEqual([]);
    expect(told(stand.agree())).toEqual([2]);
    expect(told(stand.agree())).toEqual([]);
    expect(stand.session.snapshot()).toMatchObject({ notificationsQueued: 0, counters: { notificationsSent: 2 } });
  });

  it('keeps notifications while the master is away, bounded, and sends what was not answered again', () => {
    const stand = new Stand().serving();
    stand.input(telling(0));
    stand.input({ kind: 'disconnected', reason: 'end' });
    for (let i = 1; i <= 300; i++) stand.input(telling(i));
    expect(stand.session.snapshot()).toMatchObject({
      notificationsQueued: MAX_QUEUED_NOTIFICATIONS,
      counters: { notificationsDropped: 301 - MAX_QUEUED_NOTIFICATIONS },
    });
    stand.pass(millis(250));
    stand.input({ kind: 'connected' });
    stand.agree(10);
    expect(told(stand.agree(10))).toEqual([301 - MAX_QUEUED_NOTIFICATIONS]);
  });
});
