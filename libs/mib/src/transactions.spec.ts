import { seconds } from '@keepfleet/machine';
import { describe, expect, it } from 'vitest';
import { PREEMPT, PRIORITY, Stand, WEIGHT, errorOf, kinds, problemsOf, sentBy } from './session.fixture.ts';
import { MAX_TRANSACTIONS } from './transactions.ts';

describe('AgentXSession: setting', () => {
  it('tests, commits in one set of all changes, answers after control, and cleans up', () => {
    const stand = new Stand().serving();
    expect(stand.test(1, [WEIGHT, 0], [PREEMPT, 2])).toEqual(['no-error', 0]);
    expect(stand.outputs.filter(({ kind }) => kind === 'set')).toEqual([]);
    expect(stand.set(1, { kind: 'commit-set' })).toEqual([undefined, 0]);
    expect(stand.outputs.at(-1)).toEqual({
      kind: 'set',
      id: 1,
      changes: [
        { kind: 'weight', virtualServer: 'one', realServer: 'a', value: 0 },
        { kind: 'preempt', instance: 'VI_1', value: false },
      ],
    });
    expect(errorOf(sentBy(stand.input({ kind: 'set-done', id: 1, accepted: true })))).toEqual(['no-error', 0]);
    expect(stand.master({ kind: 'cleanup-set' })).toEqual([]);
    expect(stand.outputs.at(-1)).toEqual({ kind: 'forget', id: 1 });
    expect(stand.session.snapshot().counters).toMatchObject({ setsAccepted: 1, setsRefused: 0, setsUndone: 0 });
  });

  it('refuses at the test with the place of the first fault, and sets nothing', () => {
    const stand = new Stand().serving();
    expect(stand.test(1, [PREEMPT, 2], [PRIORITY, 300], [WEIGHT, -1])).toEqual(['wrong-value', 2]);
    expect(stand.master({ kind: 'cleanup-set' })).toEqual([]);
    expect(stand.set(1, { kind: 'commit-set' })).toEqual(['processing-error', 0]);
    expect(stand.outputs.some(({ kind }) => kind === 'set')).toBe(false);
  });

  it('says commit-failed when control refuses, and has nothing to undo then', () => {
    const stand = new Stand().serving();
    stand.test(1, [PRIORITY, 100]);
    stand.set(1, { kind: 'commit-set' });
    expect(errorOf(sentBy(stand.input({ kind: 'set-done', id: 1, accepted: false })))).toEqual(['commit-failed', 1]);
    expect(stand.set(1, { kind: 'undo-set' })).toEqual(['no-error', 0]);
    expect(stand.outputs.some(({ kind }) => kind === 'undo')).toBe(false);
  });

  it('undoes a committed set when another sub-agent failed, and answers after control', () => {
    const stand = new Stand().serving();
    stand.test(1, [PRIORITY, 100]);
    stand.set(1, { kind: 'commit-set' });
    stand.input({ kind: 'set-done', id: 1, accepted: true });
    expect(stand.set(1, { kind: 'undo-set' })).toEqual([undefined, 0]);
    expect(stand.outputs.at(-1)).toEqual({ kind: 'undo', id: 1 });
    expect(errorOf(sentBy(stand.input({ kind: 'undo-done', id: 1, restored: true })))).toEqual(['no-error', 0]);
    expect(stand.session.snapshot().counters.setsUndone).toBe(1);
  });

  it('says undo-failed when control cannot put back, or does not answer', () => {
    const stand = new Stand().serving();
    for (const id of [1, 2]) {
      stand.test(id, [PRIORITY, 100]);
      stand.set(id, { kind: 'commit-set' });
      stand.input({ kind: 'set-done', id, accepted: true });
      stand.set(id, { kind: 'undo-set' });
      const outputs = id === 1 ? stand.input({ kind: 'undo-done', id, restored: false }) : stand.pass(seconds(4));
      expect(errorOf(sentBy(outputs))).toEqual(['undo-failed', 0]);
    }
  });

  it('keeps transactions apart', () => {
    const stand = new Stand().serving();
    expect(stand.test(1, [PRIORITY, 100])).toEqual(['no-error', 0]);
    expect(stand.test(2, [WEIGHT, 5])).toEqual(['no-error', 0]);
    stand.set(2, { kind: 'commit-set' });
    stand.set(1, { kind: 'commit-set' });
    const [second, first] = [1, 2].map((id) => sentBy(stand.input({ kind: 'set-done', id, accepted: true }))[0]);
    expect([second?.transactionId, first?.transactionId]).toEqual([2, 1]);
    stand.master({ kind: 'cleanup-set' }, { transactionId: 2 });
    expect(stand.set(1, { kind: 'undo-set' })).toEqual([undefined, 0]);
    expect(stand.outputs.at(-1)).toEqual({ kind: 'undo', id: 2 });
  });

  it('answers reads while a commit waits for control', () => {
    const stand = new Stand().serving();
    stand.test(1, [PRIORITY, 100]);
    stand.set(1, { kind: 'commit-set' });
    expect(errorOf(stand.master({ kind: 'get', context: null, ranges: [] }))).toEqual(['no-error', 0]);
  });

  it('lets one transaction at a time have an object', () => {
    const stand = new Stand().serving();
    stand.test(1, [PRIORITY, 100]);
    expect(stand.test(2, [WEIGHT, 1], [PRIORITY, 101])).toEqual(['resource-unavailable', 2]);
    stand.master({ kind: 'cleanup-set' }, { transactionId: 1 });
    expect(stand.test(2, [PRIORITY, 101])).toEqual(['no-error', 0]);
  });

  it('bounds the transactions that a master leaves open, and drops them after a minute', () => {
    const stand = new Stand().serving();
    for (let i = 0; i < MAX_TRANSACTIONS; i++) expect(stand.test(i)).toEqual(['no-error', 0]);
    expect(stand.test(1000)).toEqual(['resource-unavailable', 0]);
    for (let i = 0; i < 2; i++) {
      stand.pass(seconds(30));
      stand.agree();
    }
    expect(stand.set(1000, { kind: 'test-set', context: null, varBinds: [] })[0]).toBe('no-error');
  });

  it.each(['commit-set', 'cleanup-set', 'undo-set'] as const)('takes a %s that belongs to nothing', (kind) => {
    const answer = new Stand().serving().set(77, { kind });
    expect(answer[0]).toBe(
      { 'commit-set': 'processing-error', 'cleanup-set': undefined, 'undo-set': 'no-error' }[kind],
    );
  });

  it('gives up a commit that control does not answer, and undoes it should it come true', () => {
    const stand = new Stand().serving();
    stand.test(1, [PRIORITY, 100]);
    stand.set(1, { kind: 'commit-set' });
    const outputs = stand.pass(seconds(4));
    expect(errorOf(sentBy(outputs))).toEqual(['commit-failed', 1]);
    expect(problemsOf(outputs)).toEqual([{ kind: 'commit-timeout', id: 1 }]);
    expect(stand.input({ kind: 'set-done', id: 1, accepted: true })).toEqual([{ kind: 'undo', id: 1 }]);
    expect(stand.input({ kind: 'set-done', id: 1, accepted: true })).toEqual([]);
  });

  it('undoes what was being committed when the connection ended, and keeps what was committed', () => {
    const stand = new Stand().serving();
    stand.test(1, [PRIORITY, 100]);
    stand.set(1, { kind: 'commit-set' });
    stand.test(2, [WEIGHT, 3]);
    stand.set(2, { kind: 'commit-set' });
    stand.input({ kind: 'set-done', id: 1, accepted: true });
    expect(kinds(stand.input({ kind: 'disconnected', reason: 'end' }))).toEqual(['problem', 'forget']);
    expect(stand.input({ kind: 'set-done', id: 2, accepted: true })).toEqual([{ kind: 'undo', id: 2 }]);
  });
});
