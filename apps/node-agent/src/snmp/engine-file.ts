import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MAX_ENGINE_BOOTS } from '@keepfleet/mib';
import { z } from 'zod';
import { errorText } from '../error-text.ts';

/** An engine is who it is by this: managers keep it, and refuse what seems older than what they have seen. */
export interface SnmpEngine {
  readonly id: Uint8Array;
  readonly boots: number;
}

const fileSchema = z.object({
  version: z.literal(1),
  engineId: z.string().regex(/^([0-9a-f]{2}){5,32}$/),
  boots: z.int().min(1).max(MAX_ENGINE_BOOTS),
});

/** RFC 3411 section 5, SnmpEngineID: our enterprise (that of the MIB), then octets that are ours to choose. */
const ENTERPRISE = Buffer.from('80002572', 'hex');
const FORMAT_OCTETS = 5;

export interface EngineFileOptions {
  readonly path: string;
  readonly write: (path: string, text: string) => void;
  readonly warn: (message: string) => void;
}

/** The identity of this agent's SNMP engine, and one more than the boots it had before, both on disk before they are used. */
export function bootEngine({ path, write, warn }: EngineFileOptions): SnmpEngine {
  const before = load(path, warn);
  const engine = { id: before?.id ?? newEngineId(), boots: Math.min((before?.boots ?? 0) + 1, MAX_ENGINE_BOOTS) };
  try {
    const engineId = Buffer.from(engine.id).toString('hex');
    write(path, `${JSON.stringify({ version: 1, engineId, boots: engine.boots })}\n`);
  } catch (error) {
    warn(
      `snmp: ${path} cannot be written (${errorText(error)}): after the next start managers may refuse this agent's answers of version 3 until they have forgotten it`,
    );
  }
  return engine;
}

function load(path: string, warn: (message: string) => void): SnmpEngine | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
      warn(`snmp: ${path} cannot be read (${errorText(error)}): this agent gets a new engine id`);
    return undefined;
  }
  try {
    const { engineId, boots } = fileSchema.parse(JSON.parse(text));
    return { id: Uint8Array.from(Buffer.from(engineId, 'hex')), boots };
  } catch {
    warn(`snmp: ${path} is damaged and is replaced: this agent gets a new engine id`);
    return undefined;
  }
}

function newEngineId(): Uint8Array {
  return Uint8Array.from([...ENTERPRISE, FORMAT_OCTETS, ...randomBytes(12)]);
}
