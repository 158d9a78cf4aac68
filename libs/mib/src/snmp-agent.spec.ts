import * as nodeCrypto from 'node:crypto';
import { MAX_BULK_VARIABLES } from './answers.ts';
import { fuzz } from '@keepfleet/testkit';
import { unhex } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import { type Oid, oid } from './oid.ts';
import type { SnmpAgent } from './snmp-agent.ts';
import * as fixture from './snmp-agent.fixture.ts';
import { BOOTS, ENGINE, community, pdu } from './snmp-agent.fixture.ts';
import { decodeMessage, decodeScopedPdu } from './snmp-message.ts';
import { SNMP_ERROR, type SnmpPdu } from './snmp-pdu.ts';
import { MAX_ENGINE_BOOTS, MasterKeys, decrypted } from './usm.ts';
import { FixedVariables, ShownVariables } from './variables.ts';

const crypto = fixture.cryptoOf(nodeCrypto);
const keys = fixture.keysOf(crypto).localized(ENGINE);
const agentOf = () => fixture.agentOf(crypto, keys);
const secured = (message: SnmpPdu, engine?: { id: Uint8Array; boots: number; time: number }) =>
  fixture.secured(crypto, keys, message, engine);

const ROOT = '1.3.6.1.4.1.9586.100.5';
const SYS_NAME = '1.3.6.1.2.1.1.5.0';
const WEIGHT = `${ROOT}.3.4.1.7.1.1`;
const PEER = '192.0.2.9';

/** The PDU that comes back, decrypted if need be. */
function answerTo(agent: SnmpAgent, bytes: Uint8Array, time = 10): SnmpPdu | undefined {
  const outcome = agent.receive(bytes, PEER, time);
  if (outcome.kind !== 'answer') return undefined;
  const message = decodeMessage(outcome.bytes);
  if (!message.ok) throw new Error(message.error.kind);
  if (message.value.version !== 'v3') return message.value.pdu;
  const { encrypted, usm, data } = message.value;
  const plain = encrypted && keys.privacy !== null ? decrypted(crypto, keys.privacy, usm, data) : data;
  const scoped = plain && decodeScopedPdu(plain);
  return scoped?.ok === true ? scoped.value.pdu : undefined;
}

describe('keys from passwords', () => {
  it('are those of RFC 3414 appendix A.3.2', () => {
    const password = Uint8Array.from('maplesyrup', (character) => character.charCodeAt(0));
    const made = new MasterKeys(crypto, { name: 'x', auth: { protocol: 'sha1', password }, privacy: null });
    expect(made.localized(unhex('000000000000000000000002')).auth?.key).toEqual(
      unhex('6695febc9288e36282235fc7151f128497b38f3f'),
    );
  });
});

describe('SnmpAgent', () => {
  it('answers each version with the same values', () => {
    const agent = agentOf();
    const value = { type: 'octets', value: unhex('4c31') };
    for (const bytes of [
      community(pdu('get', [SYS_NAME]), 'v1'),
      community(pdu('get', [SYS_NAME])),
      secured(pdu('get', [SYS_NAME])),
    ]) {
      expect(answerTo(agent, bytes)).toMatchObject({ kind: 'response', requestId: 77, varBinds: [{ value }] });
    }
  });

  it('has in version 1 neither exceptions nor 64 bits', () => {
    const agent = agentOf();
    const missing = answerTo(agent, community(pdu('get', [SYS_NAME, `${ROOT}.99.0`]), 'v1'));
    expect(missing).toMatchObject({ errorStatus: SNMP_ERROR['no-such-name'], errorIndex: 2 });
    const behind = answerTo(agent, community(pdu('get-next', [`${ROOT}.3.3.1.29.9`]), 'v1'));
    expect(behind?.varBinds[0]?.value.type).toBe('gauge32');
    expect(answerTo(agent, community(pdu('get-bulk', [ROOT]), 'v1'))).toBeUndefined();
  });

  it('puts no more into a bulk than a flood may ask for', () => {
    const agent = agentOf();
    const bulk = answerTo(agent, community(pdu('get-bulk', ['1.3'], { errorIndex: 2_000_000_000 })));
    expect(bulk?.varBinds).toHaveLength(MAX_BULK_VARIABLES);
    expect(answerTo(agent, community(pdu('get-bulk', ['1.3'], { errorIndex: -5 })))?.varBinds).toEqual([]);
  });

  it.each<[string, { id?: Uint8Array; boots?: number; time?: number }]>([
    ['1.3.6.1.6.3.15.1.1.4.0', { id: unhex('8000257205aaaaaaaaaa') }],
    ['1.3.6.1.6.3.15.1.1.2.0', { boots: BOOTS - 1 }],
    ['1.3.6.1.6.3.15.1.1.2.0', { boots: MAX_ENGINE_BOOTS }],
    ['1.3.6.1.6.3.15.1.1.2.0', { time: 10 + 151 }],
    ['1.3.6.1.6.3.15.1.1.2.0', { time: 0 }],
  ])('reports %s to a message of %j', (name, at) => {
    const bytes = secured(pdu('get', [SYS_NAME]), { id: ENGINE, boots: BOOTS, time: 200, ...at });
    expect(answerTo(agentOf(), bytes, at.time === 0 ? 200 : 10)).toMatchObject({
      kind: 'report',
      varBinds: [{ name: oid(name) }],
    });
  });

  it('takes a recorded message again within its time window only, and no changed one', () => {
    const agent = agentOf();
    const bytes = secured(pdu('get', [SYS_NAME]));
    expect(answerTo(agent, bytes, 160)?.kind).toBe('response');
    expect(answerTo(agent, bytes, 161)?.kind).toBe('report');
    for (const at of [bytes.length - 1, bytes.length - 40]) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(answerTo(agent, changed)?.kind).not.toBe('response');
    }
    expect(agent.counters.usm.wrongDigests).toBeGreaterThan(0);
  });

  it('carries a set out once, and answers when control has', () => {
    const agent = agentOf();
    const varBinds = [{ name: oid(WEIGHT), value: { type: 'integer', value: 9 } as const }];
    const bytes = community(pdu('set', [], { varBinds }));
    const outcome = agent.receive(bytes, PEER, 10);
    expect(outcome).toMatchObject({ kind: 'set', changes: [{ kind: 'weight', value: 9 }], actor: `v2c from ${PEER}` });
    expect(agent.receive(bytes, PEER, 10).kind).toBe('nothing');
    const answer = outcome.kind === 'set' ? agent.setDone(outcome.id, false) : undefined;
    const message = answer && decodeMessage(answer);
    expect(message?.ok === true && message.value.version === 'v2c' && message.value.pdu.errorStatus).toBe(
      SNMP_ERROR['commit-failed'],
    );
  });

  it('answers nobody who sends what is no request', () => {
    const agent = agentOf();
    for (const kind of ['response', 'trap', 'inform', 'report'] as const)
      expect(agent.receive(community(pdu(kind, [])), PEER, 10).kind).toBe('nothing');
  });

  it('bears any bytes', () => {
    const agent = agentOf();
    const vectors = [
      community(pdu('get', [SYS_NAME, WEIGHT])),
      community(pdu('get-bulk', [ROOT], { errorIndex: 20 })),
      secured(pdu('get-next', [ROOT])),
    ];
    const figures = fuzz({ vectors, decode: (bytes) => agent.receive(bytes, PEER, 10), count: 3000, seed: 1 });
    expect(figures.inputs).toBe(3000);
    expect(answerTo(agent, community(pdu('get', [SYS_NAME])))?.kind).toBe('response');
  });
});

describe('ShownVariables', () => {
  const numbers = [1, 2, 3, 4, 5, 6].flatMap((first): Oid[] => [
    [1, first, 1],
    [1, first, 2],
  ]);
  const all = new FixedVariables(numbers.map((name) => [name, () => ({ type: 'integer', value: 1 })] as const));

  it.each([
    [[], [], 12],
    [['1.2', '1.5'], [], 4],
    [[], ['1.1', '1.3', '1.6'], 6],
    [['1.2', '1.3'], ['1.3.1'], 3],
    [['1.9'], [], 0],
  ])('shows of %j without %j %i', (include, exclude, count) => {
    const shown = new ShownVariables(all, { include: include.map(oid), exclude: exclude.map(oid) });
    const seen: Oid[] = [];
    let start: Oid = [1];
    for (;;) {
      const found = shown.next({ start, include: false, end: [] });
      if (found === undefined) break;
      seen.push(found.name);
      start = found.name;
    }
    expect(seen).toEqual(numbers.filter((name) => shown.shows(name)));
    expect(seen).toHaveLength(count);
  });
});
