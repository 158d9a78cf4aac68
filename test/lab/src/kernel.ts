import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { command } from './command.ts';

export type Kernel = 'guests' | 'namespaces';

export interface KernelChoice {
  kernel: Kernel;
  why: string;
  /** Whether the directors have IPVS. */
  ipvs: boolean;
}

export const guestMegabytes = 512;

/** Directors are namespaces where the kernel has IPVS, and guests with a kernel of their own where it has not. */
export async function chooseKernel(wanted: Kernel | undefined): Promise<KernelChoice> {
  const found = await hasIpvs();
  if (wanted === 'guests') return { kernel: 'guests', why: 'asked for', ipvs: true };
  if (wanted === 'namespaces') {
    const why = found ? 'asked for' : 'asked for, though the kernel has no ip_vs: VRRP only';
    return { kernel: 'namespaces', why, ipvs: found };
  }
  if (found) return { kernel: 'namespaces', why: `kernel ${release()} has ip_vs`, ipvs: true };
  return { kernel: 'guests', why: `kernel ${release()} has no ip_vs`, ipvs: true };
}

/** The CPUs that this process may use. */
export function usableCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/**
 * Where guests keep their memory: a file, mapped. /dev/shm is fastest; in containers it is often 64 MB, and a guest that
 * runs out of it dies of a bus error.
 */
export function memoryDirectory(megabytes: number): string {
  const places = ['/dev/shm', '/tmp', '/var/tmp'];
  for (const place of places) {
    if (!existsSync(place)) continue;
    const { bavail, bsize } = statfsSync(place);
    if (bavail * bsize >= megabytes * 1024 * 1024) return place;
  }
  throw new Error(`the guests need ${megabytes} MB in one of ${places.join(', ')}; free some`);
}

async function hasIpvs(): Promise<boolean> {
  if (existsSync('/proc/net/ip_vs')) return true;
  try {
    await command('modprobe', ['-a', 'ip_vs', 'ip_vs_rr']);
  } catch {
    return false;
  }
  return existsSync('/proc/net/ip_vs');
}

function release(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
}
