import type { Variables } from './answers.ts';
import type { ChangeCheck } from './changes.ts';
import { type Oid, compareOids, startsWith } from './oid.ts';
import type { Checks } from './transactions.ts';
import type { SearchRange, Value, VarBind } from './value.ts';

/** Single variables that are read when they are asked for. */
export class FixedVariables implements Variables {
  readonly #variables: readonly (readonly [Oid, () => Value])[];

  constructor(variables: readonly (readonly [Oid, () => Value])[]) {
    this.#variables = variables.toSorted(([a], [b]) => compareOids(a, b));
  }

  get(name: Oid): Value {
    const exact = this.#variables.find(([one]) => compareOids(one, name) === 0);
    if (exact !== undefined) return exact[1]();
    const known = this.#variables.some(([one]) => startsWith(name, one.slice(0, -1)));
    return { type: known ? 'no-such-instance' : 'no-such-object' };
  }

  next({ start, include, end }: SearchRange): VarBind | undefined {
    const found = this.#variables.find(([name]) => {
      const order = compareOids(name, start);
      return include ? order >= 0 : order > 0;
    });
    if (found === undefined || (end.length > 0 && compareOids(found[0], end) >= 0)) return undefined;
    return { name: found[0], value: found[1]() };
  }
}

/** Several sets of variables, none of which reaches into another's subtrees. */
export class JoinedVariables implements Variables, Checks {
  readonly #parts: readonly { readonly roots: readonly Oid[]; readonly variables: Variables & Partial<Checks> }[];

  constructor(parts: readonly { readonly roots: readonly Oid[]; readonly variables: Variables & Partial<Checks> }[]) {
    this.#parts = parts;
  }

  get(name: Oid): Value {
    return this.#of(name)?.get(name) ?? { type: 'no-such-object' };
  }

  next(range: SearchRange): VarBind | undefined {
    let first: VarBind | undefined;
    for (const { roots, variables } of this.#parts) {
      if (roots.every((root) => compareOids(range.start, successor(root)) >= 0)) continue;
      const found = variables.next(range);
      if (found !== undefined && (first === undefined || compareOids(found.name, first.name) < 0)) first = found;
    }
    return first;
  }

  check(name: Oid, value: Value): ChangeCheck {
    return this.#of(name)?.check?.(name, value) ?? { ok: false, error: 'not-writable' };
  }

  #of(name: Oid): (Variables & Partial<Checks>) | undefined {
    return this.#parts.find(({ roots }) => roots.some((root) => startsWith(name, root)))?.variables;
  }
}

/** What somebody may see: the subtrees of `include` (all when it is empty) without those of `exclude`. */
export interface ViewSubtrees {
  readonly include: readonly Oid[];
  readonly exclude: readonly Oid[];
}

/** The part of some variables that a view shows. What is not shown is not there. */
export class ShownVariables implements Variables {
  readonly #variables: Variables;
  readonly #view: ViewSubtrees;

  constructor(variables: Variables, view: ViewSubtrees) {
    this.#variables = variables;
    this.#view = view;
  }

  shows(name: Oid): boolean {
    const { include, exclude } = this.#view;
    return (
      (include.length === 0 || include.some((root) => startsWith(name, root))) &&
      !exclude.some((root) => startsWith(name, root))
    );
  }

  get(name: Oid): Value {
    return this.shows(name) ? this.#variables.get(name) : { type: 'no-such-object' };
  }

  next(range: SearchRange): VarBind | undefined {
    let from = range;
    for (;;) {
      const found = this.#variables.next(from);
      if (found === undefined || this.shows(found.name)) return found;
      const start = this.#behind(found.name);
      if (start === undefined) return undefined;
      from = { start, include: true, end: range.end };
    }
  }

  /** Where the next shown name can be at the earliest. */
  #behind(hidden: Oid): Oid | undefined {
    const excluded = this.#view.exclude.find((root) => startsWith(hidden, root));
    if (excluded !== undefined) return successor(excluded);
    return this.#view.include.filter((root) => compareOids(root, hidden) > 0).sort(compareOids)[0];
  }
}

/** The first name behind a subtree. */
function successor(root: Oid): Oid {
  return [...root.slice(0, -1), (root.at(-1) ?? 0) + 1];
}
