import { readFileSync } from 'node:fs';
import { type AgentFile, formatAgentFileProblem, parseAgentFile } from '@keepfleet/config';

/** The agent.yaml of a node. Throws one message with every problem in it; a missing file is an empty one only at the default path. */
export function readAgentFile(path: string, isDefault: boolean): AgentFile {
  const result = parseAgentFile(path, readText(path, isDefault));
  if (result.ok) return result.value;
  throw new Error(result.problems.map(formatAgentFileProblem).join('\n'));
}

function readText(path: string, isDefault: boolean): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isDefault && error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}
