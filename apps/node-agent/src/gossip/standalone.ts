import { createInterface } from 'node:readline';
import { parseIp } from '@keepfleet/wire';
import { z } from 'zod';
import { askKeys, examine, startGossip } from './index.ts';
import { reasonOf } from './errors.ts';

/**
 * A member without an agent around it, for tests against foreign peers and for a look into a fleet's gossip:
 * `node standalone.ts '{"bind":"10.0.0.1","name":"n1","seeds":["10.0.0.2"],"stateFile":"/tmp/n1.json"}'`. Commands are
 * JSON lines on standard input, answers and events JSON lines on standard output.
 */
const options = z.object({
  bind: z.string(),
  port: z.int().default(7946),
  name: z.string(),
  tags: z.record(z.string(), z.string()).default({}),
  seeds: z.array(z.string()).default([]),
  keyring: z.string().optional(),
  stateFile: z.string(),
  identityFile: z.string().optional(),
  label: z.string().optional(),
  version: z.string().default('standalone'),
  profile: z.enum(['lan', 'wan', 'local']).optional(),
  acceptPlain: z.boolean().default(false),
  sendPlain: z.boolean().default(false),
  /** Answers to queries by name. */
  answers: z.record(z.string(), z.string()).default({}),
});

const command = z.discriminatedUnion('do', [
  z.object({ do: z.literal('members') }),
  z.object({ do: z.literal('snapshot') }),
  z.object({ do: z.literal('tags'), tags: z.record(z.string(), z.string()) }),
  z.object({
    do: z.literal('raise'),
    name: z.string(),
    payload: z.string(),
    coalesce: z.boolean().default(false),
  }),
  z.object({
    do: z.literal('ask'),
    name: z.string(),
    payload: z.string().default(''),
    acknowledge: z.boolean().default(false),
    relayFactor: z.int().default(0),
    names: z.array(z.string()).optional(),
    tags: z.record(z.string(), z.string()).optional(),
  }),
  z.object({
    do: z.literal('keys'),
    operation: z.enum(['install', 'use', 'remove', 'list']),
    key: z.string().default(''),
  }),
  z.object({ do: z.literal('doctor') }),
  z.object({ do: z.literal('forget'), name: z.string(), prune: z.boolean().default(false) }),
  z.object({ do: z.literal('leave') }),
]);

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function main(): Promise<void> {
  const { bind, port, acceptPlain, sendPlain, answers, ...rest } = options.parse(JSON.parse(process.argv[2] ?? '{}'));
  const address = parseIp(bind);
  if (!address.ok) throw new Error(`"${bind}" is not an IP address`);
  const gossip = await startGossip({
    ...rest,
    bind: { address: address.value, port },
    tunables: { acceptPlain, sendPlain },
    onQuery: (name, payload, from) => {
      say({ kind: 'asked', name, payload: Buffer.from(payload).toString('utf8'), from });
      const answer = answers[name];
      return answer === undefined ? undefined : Buffer.from(answer);
    },
    onEvent: (event) =>
      say(event.kind === 'user-event' ? { ...event, payload: Buffer.from(event.payload).toString('utf8') } : event),
  });
  say({ kind: 'started', endpoint: gossip.endpoint });
  for await (const line of createInterface(process.stdin)) {
    const request = command.parse(JSON.parse(line));
    switch (request.do) {
      case 'members':
        say({ kind: 'members', members: gossip.members() });
        break;
      case 'snapshot':
        say({ kind: 'snapshot', snapshot: gossip.snapshot() });
        break;
      case 'tags':
        gossip.setTags(request.tags);
        break;
      case 'raise':
        gossip.raise(request.name, Buffer.from(request.payload), request.coalesce);
        break;
      case 'ask': {
        const { name, payload, acknowledge, relayFactor, names, tags } = request;
        const { answers: came, acknowledged } = await gossip.ask({
          name,
          payload: Buffer.from(payload),
          acknowledge,
          relayFactor,
          ...(names === undefined ? {} : { names }),
          ...(tags === undefined ? {} : { tags }),
        });
        const texts = [...came].map(([from, answer]) => [from, Buffer.from(answer.payload).toString('utf8')]);
        say({ kind: 'answers', answers: Object.fromEntries(texts), acknowledged: [...acknowledged] });
        break;
      }
      case 'keys':
        say({
          kind: 'keys-done',
          outcome: await askKeys(gossip, request.operation, Buffer.from(request.key, 'base64')),
        });
        break;
      case 'doctor': {
        const { answers: came, ...word } = await examine(gossip, rest.name);
        say({ kind: 'diagnosis', ...word, answered: [...came.keys()] });
        break;
      }
      case 'forget':
        gossip.forget(request.name, request.prune);
        break;
      case 'leave':
        await gossip.leave();
        say({ kind: 'gone' });
        return;
    }
  }
  await gossip.close();
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${reasonOf(error)}\n`);
  process.exitCode = 1;
}
