import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Endpoint } from '@keepfleet/swim';
import { parseIp } from '@keepfleet/wire';
import { z } from 'zod';

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

/** Replaces the file in one step: a crash leaves the old or the new one. */
export async function writeRemembered(path: string, members: readonly RememberedMember[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  await writeFile(temporary, `${JSON.stringify({ version: 1, members }, undefined, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path);
}
