import { agentFileSchema } from './agent-file.ts';

/** docs/completion/agent-schema.json. */
export function agentFileSchemaJson(): string {
  // Short lists stand on one line, as the formatter has them.
  const text = JSON.stringify(agentFileSchema(), null, 2);
  return `${text.replace(/\[\s+((?:"[^"]*",?\s*)+)\]/g, (_whole, list: string) => `[${list.trim().replace(/,\s+/g, ', ')}]`)}\n`;
}
