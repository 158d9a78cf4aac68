import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { type Reader, wholeNumber } from './readers.ts';

const LONGEST = 86_400;
const MICROS = 1_000_000;

/** How often a master is heard on the interfaces of its addresses that carry no adverts, and on which. */
export interface ExtraInterfaces {
  /** Microseconds, 0 = never. */
  readonly interval: number;
  /** Not only on those that are made for the instance. */
  readonly all: boolean;
}

/** `[all] SECONDS`, in either order. */
export function extraInterfaces(lowest: 0 | 1): Reader<ExtraInterfaces> {
  return syntax(`[all] ${lowest}..${LONGEST} s`, 'all 60', (args: Arguments): ExtraInterfaces | undefined => {
    const first = args.takeIf('all');
    const found = args.need('a number of seconds');
    const seconds = found === undefined ? undefined : wholeNumber(args, found, lowest, LONGEST);
    const all = args.takeIf('all') || first;
    return seconds === undefined ? undefined : { interval: seconds * MICROS, all };
  });
}
