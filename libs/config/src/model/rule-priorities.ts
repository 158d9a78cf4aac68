import type { Family } from '@keepfleet/wire';
import type { Diagnostics } from '../diagnostics.ts';
import type { RuleDraft } from '../grammar/rule-line.ts';
import type { RuleLine } from './routing.ts';

/** Where keepalived begins, downwards, with rules that name no preference. */
const FIRST = 16_384;

/** Gives every rule a place among the others. */
export class RulePriorities {
  readonly #next: Record<Family, number> = { ipv4: FIRST, ipv6: FIRST };

  complete({ entry, ...line }: RuleDraft, diagnostics: Diagnostics): RuleLine {
    const { priority } = entry;
    if (priority !== undefined) return { ...line, entry: { ...entry, priority } };
    const invented = this.#next[entry.family]--;
    diagnostics.warning(
      'adjusted',
      line.at,
      `the rule ${entry.text} names no preference, ${invented} is used`,
      'add: preference N',
    );
    return { ...line, entry: { ...entry, priority: invented } };
  }
}
