import type { agent } from '@keepfleet/rpc';
import { describe, expect, it } from 'vitest';
import { event, hello, nodeState, router } from '../trial/samples.ts';
import { readHello, readMessage } from './intake.ts';

const say = (change: Partial<agent.Hello>): agent.AgentMessage => ({
  body: { $case: 'hello', value: hello('L1', change) },
});
const events = (...all: ReturnType<typeof event>[]): agent.AgentMessage => ({
  body: { $case: 'events', value: { events: all } },
});
const never = new Date(Number.NaN);

describe('what agents send', () => {
  it.each<[string, agent.AgentMessage]>([
    ['no Hello first', { body: { $case: 'heartbeat', value: { now: undefined } } }],
    ['nothing', { body: undefined }],
    ['an empty name', say({ node: '' })],
    ['a name with a slash', say({ node: 'a/b' })],
    ['an overlong name', say({ node: 'n'.repeat(254) })],
    ['the epoch of the controller’s own events', say({ epoch: '~controller' })],
    ['no epoch', say({ epoch: '' })],
    ['an overlong label', say({ labels: { a: 'x'.repeat(257) } })],
    ['too many labels', say({ labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, ''])) })],
    ['an overlong version', say({ version: 'v'.repeat(257) })],
    ['a time that is none', say({ now: never })],
  ])('is refused as Hello: %s', (_, message) => expect(readHello(message).ok).toBe(false));

  it.each<[string, agent.AgentMessage]>([
    ['nothing', { body: undefined }],
    ['a second Hello', say({})],
    ['sequence 0', events({ ...event(1), sequence: 0n })],
    ['a sequence that no number holds', events({ ...event(1), sequence: 2n ** 53n })],
    ['an event without a kind', events({ ...event(1), kind: '' })],
    ['too many events', events(...Array.from({ length: 10_001 }, (_, i) => event(i + 1)))],
    [
      'a time that is none, deep inside',
      {
        body: {
          $case: 'fullState',
          value: { observedAt: new Date(), state: nodeState({ routers: [router('L1', { stateSince: never })] }) },
        },
      },
    ],
  ])('ends the stream: %s', (_, message) => expect(readMessage(message).ok).toBe(false));

  it('passes when it is as it should be', () => {
    expect(readHello(say({}))).toMatchObject({ ok: true, value: { node: 'L1' } });
    expect(readMessage(events(event(1), event(2)))).toMatchObject({ ok: true, value: { $case: 'events' } });
  });
});
