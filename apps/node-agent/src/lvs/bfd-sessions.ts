/** The states of BFD sessions, told by whoever runs them, for the checkers that watch them. */
export class BfdSessions {
  readonly #states = new Map<string, boolean>();
  readonly #watchers = new Map<string, Set<(up: boolean | null) => void>>();

  /** Tells the state at once and at every change; null while the session is not known. The answer ends it. */
  watch(name: string, changed: (up: boolean | null) => void): () => void {
    const watchers = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, watchers.add(changed));
    // A session that is not known yet may be up: nothing is said of it until somebody does.
    const up = this.#states.get(name);
    if (up !== undefined) changed(up);
    return () => watchers.delete(changed);
  }

  set(name: string, up: boolean): void {
    if (this.#states.get(name) === up) return;
    this.#states.set(name, up);
    for (const changed of this.#watchers.get(name) ?? []) changed(up);
  }

  /** All sessions there are; one that is there no more is down. */
  replace(states: Readonly<Record<string, boolean>>): void {
    for (const name of this.#states.keys()) if (!Object.hasOwn(states, name)) this.set(name, false);
    for (const [name, up] of Object.entries(states)) this.set(name, up);
  }
}
