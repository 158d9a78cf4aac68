import { readFileSync } from 'node:fs';

/** The kernel's number of an interface; undefined where there is none of the name. */
export function interfaceIndexOf(name: string): number | undefined {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'));
  } catch {
    return undefined;
  }
}
