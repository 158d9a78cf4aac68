import { Director } from './director.ts';
import { parseIpvsTable } from './ipvs-table.ts';
import type { LabHost } from './lab-host.ts';
import { NamespaceHost } from './namespace-host.ts';
import type { HostStatus } from './status.ts';
import type { Facts } from './steward.ts';

const answerMilliseconds = 2_000;

/** What a host tells of itself, or why it does not. */
export async function describe(machine: LabHost): Promise<{ status: HostStatus; facts: Facts | undefined }> {
  const { host, state } = machine;
  const plain: HostStatus = { name: host.name, role: host.role, state, processes: [], services: [], ipvs: [] };
  if (machine instanceof NamespaceHost) return { status: { ...plain, services: machine.services }, facts: undefined };
  if (!(machine instanceof Director) || state !== 'up') return { status: plain, facts: undefined };
  try {
    const facts = await withDeadline(machine.facts(), answerMilliseconds);
    const { processes, services } = facts;
    return { status: { ...plain, processes, services, ipvs: parseIpvsTable(facts.ipvs) }, facts };
  } catch (error) {
    const unknown = error instanceof Error ? error.message : String(error);
    return { status: { ...plain, unknown }, facts: undefined };
  }
}

export function has(facts: Facts | undefined, address: string): boolean {
  return facts?.addresses.some((each) => each.address === address) ?? false;
}

async function withDeadline<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
