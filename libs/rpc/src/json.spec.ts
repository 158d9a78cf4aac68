import { describe, expect, it } from 'vitest';
import { fleet, model } from './index.ts';
import { toJson } from './json.ts';

describe('JSON of a message', () => {
  it('has what is zero, false or empty too', () => {
    expect(toJson(fleet.Node, fleet.Node.fromPartial({ name: 'L1' }))).toMatchObject({
      name: 'L1',
      ageMs: '0',
      drained: false,
      version: '',
      problems: [],
      overrides: [],
    });
    expect(toJson(fleet.ListNodesResponse, fleet.ListNodesResponse.fromPartial({}))).toEqual({ nodes: [] });
  });

  it('has them in what is nested, and else says what the generated code says', () => {
    const member = model.Member.fromPartial({ name: 'L2', status: 'alive', since: new Date(0) });
    expect(toJson(model.NodeState, model.NodeState.fromPartial({ members: [member] }))).toMatchObject({
      members: [{ name: 'L2', status: 'alive', since: '1970-01-01T00:00:00.000Z', tags: {} }],
      routers: [],
    });
  });

  it('has a oneof under the name of its case', () => {
    const operation = fleet.StartOperationRequest.fromPartial({
      reason: 'maintenance',
      change: { $case: 'drainNode', value: { node: 'L1' } },
    });
    expect(toJson(fleet.StartOperationRequest, operation)).toMatchObject({
      drainNode: { node: 'L1' },
      reason: 'maintenance',
    });
  });
});
