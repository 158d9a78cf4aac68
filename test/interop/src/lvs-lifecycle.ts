import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { waitFor } from '@keepfleet/testkit';
import type { LvsAgent } from './lvs-agent.ts';
import type { Step } from './lvs-scenario.ts';
import { realServer, tcpCheck, virtualServer } from './lvs-settings.ts';
import { kernelTable } from './lvs-stand.ts';

// How a server goes and comes back, in the kernel.

const SERVICE = 'tcp/198.51.100.15:8088';
const A = '192.168.1.10';
const B = '192.168.1.11';
const DEADLINE = 90_000;
/** Long enough for several steps on a slow machine. */
const SLOW_START_US = 6_000_000;
const EXPIRE_QUIESCENT = '/proc/sys/net/ipv4/vs/expire_quiescent_template';

const one = (more: object, weights: Readonly<Record<string, number>>, options: object = {}) => ({
  groups: [],
  virtualServers: [
    virtualServer(
      { kind: 'address', address: '198.51.100.15', port: 8088 },
      {
        realServers: Object.entries(weights).map(([address, weight]) =>
          realServer(address, { weight, checkers: [tcpCheck(address)], ...options }),
        ),
        ...more,
      },
    ),
  ],
});

async function counts(agent: LvsAgent, address: string): Promise<{ active: number; persistent: number }> {
  const outcome = await agent.command({ kind: 'connections', address });
  return (outcome as { value: { total: { active: number; persistent: number } } }).value.total;
}

export const lifecycle: readonly Step[] = [
  {
    name: 'gives a server that comes back its weight little by little',
    run: async (stand, agent) => {
      const weightOf = (table: readonly string[]) =>
        Number(/-w (\d+)/.exec(table.find((line) => line.includes(`:8088 -r ${A}:80 `)) ?? '')?.[1] ?? NaN);
      await agent.configure(one({}, { [A]: 20 }, { slowStart: SLOW_START_US, configuredWeight: 20 }));
      await agent.seen('it is up', () => agent.server(SERVICE, `${A}:80`)?.checkers[0]?.ran);
      // At the start it has all of it.
      assert.equal(weightOf(kernelTable()), 20);
      await stand.stopWeb(10);
      await agent.seen('it is down', () => agent.server(SERVICE, `${A}:80`)?.state === 'down');
      assert.ok(Number.isNaN(weightOf(kernelTable())));
      agent.events.length = 0;
      stand.startWeb(10);
      const seen: number[] = [];
      const toldNow = () =>
        agent.events.flatMap((event) => (event.kind === 'weight-changed' ? [Number(event['to'])] : []));
      await waitFor(
        () => {
          const weight = weightOf(kernelTable());
          if (!Number.isNaN(weight) && weight !== seen.at(-1)) seen.push(weight);
          return seen.at(-1) === 20 && toldNow().at(-1) === 20;
        },
        { deadline: DEADLINE, what: 'the whole weight', every: 50 },
      );
      const told = toldNow();
      assert.equal(told[0], 2, `told ${told.join(' ')}`);
      for (const weights of [seen, told])
        assert.deepEqual(
          weights,
          [...weights].sort((a, b) => a - b),
        );
      assert.ok(told.length > 3, `told ${told.join(' ')}`);
      assert.ok(seen.every((weight) => told.includes(weight)));
    },
  },
  {
    name: 'gives a server that was drained its weight little by little, checked or not',
    run: async (_, agent) => {
      const slow = { slowStart: SLOW_START_US, configuredWeight: 20 };
      const weights = (a: number, b: number) => {
        const settings = (address: string, weight: number, checkers: readonly object[]) =>
          realServer(address, { ...slow, weight, checkers });
        return one({ realServers: [settings(A, a, [tcpCheck(A)]), settings(B, b, [])] }, {});
      };
      const inKernel = () =>
        [A, B].map((address) =>
          Number(/-w (\d+)/.exec(kernelTable().find((line) => line.includes(`:8088 -r ${address}:80 `)) ?? '')?.[1]),
        );
      await agent.configure(weights(0, 20));
      await agent.seen('A is up', () => agent.server(SERVICE, `${A}:80`)?.checkers[0]?.ran);
      assert.deepEqual(inKernel(), [0, 20]);
      agent.events.length = 0;
      await agent.configure(weights(20, 0));
      assert.ok((inKernel()[0] ?? 0) < 20, 'not all at once');
      assert.equal(inKernel()[1], 0);
      await agent.configure(weights(20, 20));
      assert.ok((inKernel()[1] ?? 0) < 20, 'nor one without checks');
      /** The weights that were told of a server since it is back. */
      const told = (address: string) =>
        agent.events.flatMap(({ kind, server, to }) =>
          kind === 'weight-changed' && server === `${address}:80` && to !== 0 ? [Number(to)] : [],
        );
      await waitFor(
        () => inKernel().every((weight) => weight === 20) && [A, B].every((address) => told(address).at(-1) === 20),
        { deadline: DEADLINE, what: 'all of it', every: 50 },
      );
      for (const address of [A, B]) {
        assert.equal(told(address)[0], 2, `told ${told(address).join(' ')}`);
        assert.ok(told(address).length > 3, `told ${told(address).join(' ')}`);
      }
      agent.events.length = 0;
    },
  },
  {
    name: 'drains a persistent server for new clients only, until templates of weight 0 no longer hold',
    run: async (stand, agent) => {
      const persistence = { persistence: { timeout: 300, granularity: 32, engine: null } };
      await agent.configure(one(persistence, { [A]: 1, [B]: 1 }));
      await agent.seen('both are up', () =>
        [A, B].every((address) => agent.server(SERVICE, `${address}:80`)?.checkers[0]?.ran),
      );
      const fetch = () => stand.fetch('http://198.51.100.15:8088/');
      const first = fetch();
      assert.ok(first === 'w10' || first === 'w11', `answered by ${first}`);
      const [drained, other] = first === 'w10' ? [A, B] : [B, A];
      await agent.configure(one(persistence, { [drained]: 0, [other]: 1 }));
      assert.ok(kernelTable().some((line) => line.includes(`:8088 -r ${drained}:80 `) && line.endsWith('-w 0')));
      // The client is held, and as a drain waits for what is persistent, it goes on.
      assert.equal(fetch(), first);
      assert.ok((await counts(agent, drained)).persistent > 0);
      writeFileSync(EXPIRE_QUIESCENT, '1');
      try {
        const elsewhere = fetch();
        assert.ok(elsewhere !== undefined && elsewhere !== first, `answered by ${elsewhere}, as ${first} before`);
      } finally {
        writeFileSync(EXPIRE_QUIESCENT, '0');
      }
      // The steps after it look for events of the same servers.
      agent.events.length = 0;
    },
  },
];
