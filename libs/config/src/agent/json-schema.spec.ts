import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { agentFileSchemaJson } from './json-schema.ts';

const COMMITTED = new URL('../../../../docs/completion/agent-schema.json', import.meta.url);

function undocumented(schema: unknown, path: string): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const properties = 'properties' in schema ? Object.entries(schema.properties ?? {}) : [];
  return properties.flatMap(([name, inner]: [string, unknown]) => {
    const known = typeof inner === 'object' && inner !== null && 'description' in inner;
    return [...(known ? [] : [`${path}${name}`]), ...undocumented(inner, `${path}${name}.`)];
  });
}

describe('the JSON Schema of agent.yaml', () => {
  it('is what docs/completion has; npm run docs -w @keepfleet/config writes it', () => {
    expect(readFileSync(COMMITTED, 'utf8')).toBe(agentFileSchemaJson());
  });

  it('documents every setting', () => {
    const schema: unknown = JSON.parse(agentFileSchemaJson());
    expect(schema).toMatchObject({
      additionalProperties: false,
      properties: { gossip: { properties: { bind: { type: 'string' } } }, controller: { required: ['addresses'] } },
    });
    // The three files of TLS are described together.
    expect(undocumented(schema, '').filter((name) => !name.startsWith('controller.tls.'))).toEqual([]);
  });
});
