import { ip } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import type { GossipMember } from '../gossip/index.ts';
import { agentTags, controllersToTry } from './membership.ts';

const facts = { version: '1.2.3', site: 'muc' };

function member(name: string, grpc: string, more: Partial<GossipMember> = {}): GossipMember {
  return {
    name,
    address: ip('192.0.2.1'),
    port: 7946,
    tags: { role: 'agent', grpc },
    status: 'alive',
    incarnation: 1,
    since: 0,
    source: { how: 'gossip' },
    suspectedBy: [],
    self: false,
    ...more,
  };
}

describe('the tags of an agent', () => {
  it('tell its role, version, configuration, controller, and that it is drained', () => {
    expect(agentTags({ ...facts, configHash: 'a'.repeat(64), isDrained: true, controller: 'ctl-1:8443' })).toEqual({
      role: 'agent',
      version: '1.2.3',
      site: 'muc',
      drain: 'yes',
      config: 'aaaaaaaaaaaa',
      grpc: 'ctl-1:8443',
    });
    expect(agentTags({ ...facts, site: undefined })).toEqual({ role: 'agent', version: '1.2.3' });
  });

  it('leave out what there is no room for, the least needed first', () => {
    const site = 's'.repeat(280);
    const tags = agentTags({
      ...facts,
      site,
      isDrained: true,
      configHash: 'b'.repeat(64),
      controller: 'c'.repeat(100),
    });
    expect(Object.keys(tags)).toEqual(['role', 'version', 'site', 'drain']);
  });
});

describe('the controllers to try', () => {
  const told = [
    member('lb-2', 'ctl-2:8443'),
    member('lb-3', 'ctl-1:8443'),
    member('lb-4', 'old:8443', { status: 'failed' }),
    member('lb-1', 'own:8443', { self: true }),
    member('lb-5', 'dns:///elsewhere'),
  ];

  it('are those of agent.yaml, then those that others report to', () => {
    expect(controllersToTry(['ctl-1:8443'], told, true)).toEqual(['ctl-1:8443', 'ctl-2:8443']);
  });

  it('are those of agent.yaml alone where nothing proves what a tag says', () => {
    expect(controllersToTry(['ctl-1:8443'], told, false)).toEqual(['ctl-1:8443']);
  });
});
