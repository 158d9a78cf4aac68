import type { Notification } from '@keepfleet/mib';
import { describe, expect, it } from 'vitest';
import type { Log } from '../log.ts';
import { NotificationQueue } from './notification-queue.ts';

const about = (realServer: string): Notification => ({
  kind: 'real-server-state',
  virtualServer: 'tcp/192.0.2.1:80',
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
