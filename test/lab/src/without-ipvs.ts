import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * What keepalived needs in its environment so that its checkers run on a kernel without IPVS: everything else it does is its
 * own. Makes a library in the directory; throws when there is no C compiler.
 */
export function withoutIpvs(directory: string): { readonly LD_PRELOAD: string } {
  const library = join(directory, 'without-ipvs.so');
  execFileSync('gcc', ['-shared', '-fPIC', '-O2', '-o', library, join(import.meta.dirname, 'without-ipvs.c')]);
  return { LD_PRELOAD: library };
}
