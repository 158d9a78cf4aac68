import { readFile } from 'node:fs/promises';
import type { Endpoint } from '@keepfleet/swim';
import { parseIp } from '@keepfleet/wire';
import { z } from 'zod';
import { replaceFile } from './replace-file.ts';

const file = z.object({
  version: z.literal(1),
  members: z.array(z.object({ name: z.string(), address: z.string(), port: z.int().min(1).max(65_535) })),
});

export interface RememberedMember extends Endpoint {
  readonly name: string;
}

/** The members of an earlier run, so that a restart finds the fleet even when every seed is down. */
export async function readRemembered(path: string): Promise<Endpoint[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return file.parse(JSON.parse(text)).members.flatMap(({ address, port }) => {
    const parsed = parseIp(address);
    return parsed.ok ? [{ address: parsed.value, port }] : [];
  });
}

export async function writeRemembered(path: string, members: readonly RememberedMember[]): Promise<void> {
  await replaceFile(path, `${JSON.stringify({ version: 1, members }, undefined, 2)}\n`);
}
