import { mkdirSync, writeFileSync } from 'node:fs';
import { agentFileSchemaJson } from '../src/agent/json-schema.ts';
import { completionJson, referenceMarkdown } from '../src/language/reference.ts';

const docs = new URL('../../../docs/', import.meta.url);
mkdirSync(new URL('completion/', docs), { recursive: true });
writeFileSync(new URL('configuration.md', docs), referenceMarkdown());
writeFileSync(new URL('completion/keepalived.json', docs), completionJson());
writeFileSync(new URL('completion/agent-schema.json', docs), agentFileSchemaJson());
