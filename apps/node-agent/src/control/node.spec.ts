import type { Notification } from '@keepfleet/mib';
import { describe, expect, it } from 'vitest';
import { ControlNode, type NodeOptions } from './node.ts';

function newNode(): ControlNode {
  const nothing = () => undefined;
  return new ControlNode({
    name: 'L1',
    version: '0',
    spool: {} as NodeOptions['spool'],
    overrides: {} as NodeOptions['overrides'],
    log: { info: nothing, warn: nothing, error: nothing, debug: nothing } as unknown as NodeOptions['log'],
    changed: nothing,
    happened: nothing,
    notify: nothing,
  });
}

const notification = (kind: Notification['kind']) => ({ kind }) as Notification;

describe('rows that a notification points at', () => {
  it('of servers are known once the lvs process has settings in force', () => {
    const node = newNode();
    expect(node.knowsRowsOf(notification('real-server-state'))).toBe(false);
    node.lvsListener.connected({ pid: 1, revision: null, problems: [] } as never);
    expect(node.knowsRowsOf(notification('quorum-state'))).toBe(false);
    node.lvsListener.applied('a');
    expect(node.knowsRowsOf(notification('real-server-state'))).toBe(true);
    expect(node.knowsRowsOf(notification('quorum-state'))).toBe(true);
  });

  it('of routers are known once a snapshot of the vrrp process has them', () => {
    const node = newNode();
    node.vrrpListener.snapshot({ instances: [], groups: [] } as never, 0);
    expect(node.knowsRowsOf(notification('instance-state'))).toBe(false);
    node.vrrpListener.snapshot({ revision: 'a', instances: [], groups: [] } as never, 0);
    expect(node.knowsRowsOf(notification('instance-state'))).toBe(true);
  });
});
