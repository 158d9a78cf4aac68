import { instant } from '@keepfleet/machine';
import { ip } from '@keepfleet/wire';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { VrrpNode, rehearseTakeover } from './index.ts';

afterEach(() => vi.restoreAllMocks());

describe('a rehearsal', () => {
  it('has routers of every version and family take over, and ends', () => {
    const handle = vi.spyOn(VrrpNode.prototype, 'handle');
    const timeout = vi.spyOn(VrrpNode.prototype, 'timeout');
    rehearseTakeover();
    const outputs = timeout.mock.results.flatMap(({ value }) => value as ReturnType<VrrpNode['timeout']>);
    const masters = outputs.flatMap((output) =>
      output.kind === 'event' && output.event.kind === 'state-changed' && output.event.to === 'master'
        ? [output.event.instance]
        : [],
    );
    expect(masters.sort()).toEqual(['rehearsal 1', 'rehearsal 2', 'rehearsal 3']);
    expect(handle).toHaveBeenLastCalledWith({ kind: 'stop', mode: 'release' }, expect.any(Number));
  });

  it('leaves nothing behind that other nodes would know', () => {
    rehearseTakeover();
    const node = new VrrpNode();
    const link = { name: 'eth0', index: 2, up: true, addresses: [{ address: ip('192.0.2.1'), prefix: 24 }] };
    expect(node.handle({ kind: 'interface', interface: link }, instant(0))).toEqual([]);
    expect(node.nextDeadline()).toBeUndefined();
  });
});
