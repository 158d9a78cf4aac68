import { status } from '@grpc/grpc-js';
import { agent, fleet, model } from '@keepfleet/rpc';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ScriptedAgent } from './scripted-agent.ts';
import { DEADLINE, Stand } from './stand.ts';

const deadline = DEADLINE;
const TEXT = `@l1 vrrp_instance V {
@l2 vrrp_instance W {
  interface wan
  virtual_router_id 7
  virtual_ipaddress {
    192.0.2.1
  }
}
include more/*.conf
`;
const INCLUDED = `global_defs {
  enable_script_security
  script_user nobody nogroup
}
vrrp_script S {
  script "/opt/check --fast"
}
`;

describe('a configuration for a node', () => {
  let stand: Stand;
  let l1: ScriptedAgent;
  let asked: agent.GatherFacts[];

  beforeEach(async () => {
    stand = new Stand();
    await stand.start();
    l1 = stand.agent('L1');
    asked = [];
    l1.onCommand = ({ id, body }) => {
      if (body?.$case !== 'gatherFacts') return;
      asked.push(body.value);
      const facts = model.HostFacts.fromPartial({
        configId: 'l1',
        interfaces: [{ name: 'lan', loopback: false }],
        users: Object.fromEntries(body.value.users.map((name) => [name, true])),
        groups: Object.fromEntries(body.value.groups.map((name) => [name, false])),
        programs: Object.fromEntries(body.value.programs.map((name) => [name, { path: '/opt/check' }])),
      });
      l1.send({ $case: 'result', value: { id, done: true, detail: '', connections: [], facts } });
    };
    l1.connect();
    await waitFor(async () => (await stand.nodes()).some(({ name, connected }) => name === 'L1' && connected), {
      deadline,
      what: 'L1 is connected',
    });
  });

  afterEach(() => stand.close());

  function check(change: Partial<fleet.CheckConfigRequest> = {}): Promise<fleet.CheckConfigResponse> {
    const request = { node: 'L1', file: '/etc/k.conf', text: TEXT, includes: {}, configId: '', ...change };
    return new Promise((resolve, reject) =>
      stand.client.checkConfig(request, (error, answer) => (error === null ? resolve(answer) : reject(error))),
    );
  }

  it('is judged by what the node says of itself, its @ID lines and includes too', async () => {
    const answer = await check({ includes: { '/etc/more/a.conf': INCLUDED } });
    expect(answer).toMatchObject({ usable: true, configId: 'l1' });
    expect(answer.findings.map(({ kind, file, line }) => `${kind} ${file}:${line}`)).toEqual([
      'ignored /etc/more/a.conf:5',
      'host-interface /etc/k.conf:3',
      'host-user /etc/more/a.conf:5',
      'host-program /etc/more/a.conf:5',
    ]);
    expect(answer.findings[1]?.message).toContain('no interface wan');
    expect(answer.findings[1]?.sourceLine).toBe('  interface wan');
    expect(asked.at(-1)).toEqual({ users: ['nobody'], groups: ['nogroup'], programs: ['/opt/check'] });
  });

  it('with errors would not be taken, and says where they are', async () => {
    const { usable, findings } = await check({ text: 'vrrp_instance V {\n  priority\n}\n' });
    expect(usable).toBe(false);
    expect(findings.find(({ error }) => error)).toMatchObject({ kind: 'missing-parameter', line: 2, column: 11 });
  });

  it('may have 160,000 lines', async () => {
    const text = `${TEXT}${'# a line that is as long as those of a configuration\n'.repeat(80_000)}`;
    expect(await check({ text })).toMatchObject({ usable: true });
  });

  it.each([
    ['that nobody knows', 'L9', status.NOT_FOUND, 'knows no node L9'],
    ['that is away', 'L1', status.FAILED_PRECONDITION, 'is not connected'],
  ])('is not judged for one %s', async (_, node, code, details) => {
    l1.disconnect();
    await waitFor(async () => (await stand.nodes()).every(({ connected }) => !connected), {
      deadline,
      what: 'it is away',
    });
    await expect(check({ node })).rejects.toMatchObject({ code, details: expect.stringContaining(details) as string });
  });

  it('is not judged without the word of the node', async () => {
    l1.onCommand = ({ id }) => l1.answer(id, false, 'a command that this version of the agent does not know');
    await expect(check()).rejects.toMatchObject({ details: expect.stringContaining('L1: a command') as string });
  });
});
