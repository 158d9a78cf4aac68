import { Agent, request } from 'node:http';
import { format } from 'prettier';
import { z } from 'zod';
import { fleet, model } from '@keepfleet/rpc';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventListDto } from '../events/event.dto.ts';
import { nodeListDto } from '../nodes/node.dto.ts';
import { operationDto, operationListDto } from '../operations/operation.dto.ts';
import { problemDto } from '../rest/problem.filter.ts';
import { routerListDto } from '../routers/router.dto.ts';
import { serviceListDto } from '../services/service.dto.ts';
import { statusDto } from '../status/status.dto.ts';
import { DEADLINE, collect, Stand } from './stand.ts';
import { event, nodeState, realServer, router, service } from './samples.ts';
import type { ScriptedAgent } from './scripted-agent.ts';

const deadline = DEADLINE;
const { MASTER } = model.RouterState;

describe('the REST API', () => {
  const stand = new Stand();
  let l1: ScriptedAgent;
  let l2: ScriptedAgent;

  beforeAll(async () => {
    await stand.start();
    const services = [service([realServer(10, { activeConnections: 1 }), realServer(11)])];
    l1 = stand.agent('L1', nodeState({ routers: [router('L1', { state: MASTER })], services }));
    l2 = stand.agent('L2', nodeState({ routers: [router('L2')], services }));
    l1.connect();
    l2.connect();
    await waitFor(
      async () => (await stand.nodes()).filter((node) => node.freshness === fleet.Freshness.CURRENT).length === 2,
      {
        deadline,
        what: 'both nodes are current',
      },
    );
    l1.events([1, 2, 3, 4, 5].map((sequence) => event(sequence)));
    await waitFor(() => l1.acknowledged.includes(5), { deadline, what: 'events are stored' });
  });

  afterAll(() => stand.close());

  /** Every answer must be as its schema, and with it the OpenAPI document, says. */
  async function json<S extends z.ZodType>(path: string, schema: S, init?: RequestInit) {
    const response = await stand.rest(path, init);
    return { status: response.status, headers: response.headers, body: schema.parse(await response.json()) };
  }

  function post<S extends z.ZodType>(path: string, schema: S, body: unknown, headers: Record<string, string> = {}) {
    const whole = { 'content-type': 'application/json', ...headers };
    return json(path, schema, { method: 'POST', headers: whole, body: JSON.stringify(body) });
  }

  it('says the same as gRPC, with enums as words', async () => {
    const { body } = await json('/v1/status', statusDto);
    expect(body).toMatchObject({ nodes: 2, nodesCurrent: 2, controller: 'test' });
    expect(body.routers[0]).toMatchObject({ key: 'VI_1/1/ipv4', health: 'ok', owner: 'L1', family: 'ipv4' });
    const owner = { node: 'L1', freshness: 'current', router: { state: 'master' } };
    expect(body.routers[0]?.candidates[0]).toMatchObject(owner);
    expect((await json('/v1/nodes', nodeListDto)).body.nodes.map((node) => node.name)).toEqual(['L1', 'L2']);
    expect((await json('/v1/services', serviceListDto)).body.services[0]).toMatchObject({
      health: 'ok',
      leftOut: [],
      realServers: [{ key: '192.168.1.10:80', up: 2, of: 2, activeConnections: 2, weights: [1] }, { drained: false }],
    });
    expect((await json('/v1/routers', routerListDto)).body.routers[0]?.health).toBe('ok');
  });

  it('pages through events by cursor and filters them', async () => {
    const sequences = (body: z.infer<typeof eventListDto>) => body.events.map((each) => each.sequence);
    const first = (await json('/v1/events?kind=vrrp.&node=L1&limit=2', eventListDto)).body;
    expect(sequences(first)).toEqual([1, 2]);
    const second = (await json(`/v1/events?kind=vrrp.&limit=2&after=${first.next}`, eventListDto)).body;
    expect(sequences(second)).toEqual([3, 4]);
    expect(sequences((await json('/v1/events?kind=vrrp.&latest=true&limit=2', eventListDto)).body)).toEqual([4, 5]);
    expect((await json('/v1/events?limit=0', problemDto)).status).toBe(400);
  });

  it('streams events on from where a reader stopped, as lines or as server-sent events, and gRPC does too', async () => {
    const page = await json('/v1/events?kind=vrrp.&limit=4', eventListDto);
    const position = page.body.events.at(-1)?.position ?? 0;
    const lines = await reader(await stand.rest(`/v1/events/stream?kind=vrrp.&after=${position}`));
    expect(await lines.until('"sequence":5')).not.toContain('"sequence":4');
    const sse = await reader(
      await stand.rest('/v1/events/stream?kind=vrrp.', {
        headers: { accept: 'text/event-stream', 'last-event-id': String(position) },
      }),
    );
    expect(await sse.until('"sequence":5')).toMatch(/id: \d+\nevent: event\ndata: \{/);
    const watch = stand.client.watchEvents({ after: BigInt(position), node: '', kind: 'vrrp.', latest: undefined });
    const seen = collect(watch).catch(() => undefined);
    const got: number[] = [];
    watch.on('data', (each: fleet.FleetEvent) => got.push(Number(each.event?.sequence)));
    l1.events([event(6)]);
    await lines.until('"sequence":6');
    await sse.until('"sequence":6');
    await waitFor(() => got.length === 2, { deadline, what: 'the watch has both' });
    expect(got).toEqual([5, 6]);
    watch.cancel();
    await seen;
    await lines.cancel();
    await sse.cancel();
  });

  it('ends the stream of a HEAD with its answer, though the connection lives on', async () => {
    const warnings: string[] = [];
    const warned = (warning: Error) => void warnings.push(warning.message);
    process.on('warning', warned);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 12; i++) expect(await head(agent, stand.restPort, '/v1/events/stream')).toBe(200);
    agent.destroy();
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  it('runs operations: dry run, idempotency key, ETag, If-Match, cancel', async () => {
    const change = { kind: 'drain-server', address: '192.168.1.10' };
    const request = { change, actor: 'alice', reason: 'disk' };
    const dry = await post('/v1/operations', operationDto, { ...request, dryRun: true });
    expect(dry).toMatchObject({ status: 200, body: { dryRun: true, id: '', target: '192.168.1.10' } });
    const started = await post('/v1/operations', operationDto, request, { 'idempotency-key': 'k' });
    expect(started.status).toBe(201);
    const path = started.headers.get('location') ?? '';
    const again = await post('/v1/operations', operationDto, request, { 'idempotency-key': 'k' });
    expect(again.body.id).toBe(started.body.id);
    expect(
      (await post('/v1/operations', problemDto, { ...request, reason: 'fan' }, { 'idempotency-key': 'k' })).status,
    ).toBe(422);
    const rival = await post('/v1/operations', problemDto, request);
    expect(rival).toMatchObject({ status: 409, body: { type: 'urn:keepfleet:problem:conflict', status: 409 } });
    expect(rival.headers.get('content-type')).toContain('application/problem+json');

    // What it has done so far may change with any look at it, and its ETag with it.
    const etag = await waitFor(
      async () => {
        const operation = await json(path, operationDto);
        if (operation.body.steps.at(-1)?.phase !== 'running') return false;
        const seen = operation.headers.get('etag') ?? '';
        return (await stand.rest(path, { headers: { 'if-none-match': seen } })).status === 304 && seen;
      },
      { deadline, what: 'it waits for connections' },
    );
    const cancel = { actor: 'bob', reason: 'no need' };
    expect((await post(`${path}/cancel`, problemDto, cancel, { 'if-match': '"1"' })).status).toBe(412);
    expect(etag).not.toBe('');
    await waitFor(
      async () => {
        const current = (await json(path, operationDto)).headers.get('etag') ?? '';
        const answer = await stand.rest(`${path}/cancel`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'if-match': current },
          body: JSON.stringify(cancel),
        });
        return answer.status !== 412;
      },
      { deadline, what: 'the cancellation' },
    );
    expect((await json(path, operationDto)).body).toMatchObject({ phase: 'cancelled' });
    const list = (await json('/v1/operations?limit=1', operationListDto)).body;
    expect(list.operations[0]).toMatchObject({ id: started.body.id, phase: 'cancelled' });
    expect((await json('/v1/operations?active=true', operationListDto)).body.operations).toEqual([]);
  });

  it('answers mistakes with problem details and never with a stack', async () => {
    const refused = [
      [await json('/v1/operations/op-none', problemDto), 404],
      [await json('/v1/nothing', problemDto), 404],
      [await json('/v1/%', problemDto), 400],
      [await post('/v1/operations', problemDto, { change: { kind: 'reboot' }, actor: 'a' }), 400],
      [
        await post('/v1/operations', problemDto, {
          change: { kind: 'drain-node', node: 'L9' },
          actor: 'a',
          reason: 'r',
        }),
        404,
      ],
      [await post('/v1/operations', problemDto, { change: { kind: 'drain-node', node: 'L1' }, actor: 'a' }), 400],
      [await post('/v1/nodes/L9/forget', problemDto, { actor: 'a' }), 404],
      [await post('/v1/nodes/L1/forget', problemDto, { actor: 'a' }), 409],
      [await post('/v1/nodes/L1/forget', problemDto, { reason: 'r' }), 400],
      [await post('/v1/operations', problemDto, { pad: 'x'.repeat(300 * 1024) }), 413],
      [
        await json('/v1/operations', problemDto, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{',
        }),
        400,
      ],
    ] as const;
    for (const [answer, status] of refused) {
      expect(answer).toMatchObject({ status, body: { status, detail: expect.any(String) } });
    }
  });

  it('tells what it is: health, metrics, and the OpenAPI document that is committed', async () => {
    expect(await (await stand.rest('/healthz')).text()).toBe('ok\n');
    const metrics = await (await stand.rest('/metrics')).text();
    expect(metrics).toContain('keepfleet_agents_connected 2');
    expect(metrics).toContain('keepfleet_nodes{freshness="current"} 2');
    expect(metrics).toContain('keepfleet_virtual_routers{health="ok"} 1');
    const text = await format(
      JSON.stringify((await json('/openapi.json', z.object({ openapi: z.string() }).loose())).body),
      { parser: 'json', printWidth: 120 },
    );
    await expect(text).toMatchFileSnapshot('../../openapi.json');
  });
});

function head(agent: Agent, port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, port, path, method: 'HEAD' }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    });
    sent.on('error', reject).end();
  });
}

/** Reads a stream until a piece of text came. */
async function reader(response: Response) {
  const body = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  return {
    until: async (piece: string): Promise<string> => {
      while (!text.includes(piece)) {
        const chunk = await body?.read();
        if (chunk?.value === undefined) throw new Error(`the stream ended before ${piece}`);
        text += decoder.decode(chunk.value);
      }
      return text;
    },
    cancel: () => body?.cancel(),
  };
}
