import type { Notification } from '@keepfleet/mib';
import { describe, expect, it } from 'vitest';
import type { Log } from '../log.ts';
import { NotificationQueue } from './notification-queue.ts';

const about = (realServer: string, virtualServer = realServer): Notification => ({
  kind: 'real-server-state',
  virtualServer,
  realServer,
  up: true,
});

function queue() {
  const warnings: string[] = [];
  const told: string[] = [];
  const log = { warn: (_: object, text: string) => warnings.push(text) } as unknown as Log;
  const tell = (one: Notification) => told.push(one.kind === 'real-server-state' ? one.realServer : one.kind);
  return { waiting: new NotificationQueue(log), told, tell, warnings };
}

describe('a queue of notifications', () => {
  it('holds what is about rows that are not known, and tells it once they are', () => {
    const { waiting, told, tell } = queue();
    for (const server of ['a', 'b', 'c']) waiting.push(about(server));
    waiting.tell(tell, (one) => one.kind === 'real-server-state' && one.realServer !== 'b');
    expect(told).toEqual(['a', 'c']);
    waiting.tell(tell);
    waiting.tell(tell);
    expect(told).toEqual(['a', 'c', 'b']);
  });

  it('keeps the order of what is about one virtual server', () => {
    const { waiting, told, tell } = queue();
    const notifications: readonly Notification[] = [
      about('new', 'V'),
      { kind: 'quorum-state', virtualServer: 'V', state: 'met' },
      about('old', 'V'),
      about('other', 'W'),
    ];
    for (const one of notifications) waiting.push(one);
    // The row of the virtual server is there before that of its new real server.
    waiting.tell(tell, (one) => one.kind !== 'real-server-state' || one.realServer !== 'new');
    expect(told).toEqual(['other']);
    waiting.tell(tell);
    expect(told).toEqual(['other', 'new', 'quorum-state', 'old']);
  });

  it('gives up the oldest of too many, and says how many', () => {
    const { waiting, told, tell, warnings } = queue();
    for (let i = 0; i < 1_003; i++) waiting.push(about(String(i)));
    waiting.tell(tell, () => false);
    expect(warnings).toEqual([expect.stringContaining('3 of the oldest')]);
    waiting.tell(tell);
    expect(told).toHaveLength(1_000);
    expect(told[0]).toBe('3');
  });
});
