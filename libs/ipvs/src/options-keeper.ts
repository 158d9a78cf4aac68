import {
  type KernelOptionSettings,
  type OptionOperation,
  type SyncDaemon,
  type SyncState,
  type Timeouts,
  describeOption,
  missingTimeouts,
  planDaemons,
  untouchedOptions,
  wantedSyncStates,
} from './kernel-options.ts';
import type { LvsEvent } from './messages.ts';
import type { KernelOptionsSnapshot } from './snapshot.ts';

/** What a run leaves to the next one: the daemons it started, and the timeouts that were there before it. */
export interface KernelOptionsLeft {
  readonly daemons: readonly SyncState[];
  readonly timeouts: Timeouts | null;
}

export type OptionsInput =
  /** Once, before everything else: what an earlier run left. */
  | { readonly kind: 'left'; readonly left: KernelOptionsLeft }
  | { readonly kind: 'configure'; readonly settings: KernelOptionSettings }
  /** The VRRP instances that are master. */
  | { readonly kind: 'masters'; readonly instances: readonly string[] }
  /** As just read from the kernel. */
  | { readonly kind: 'actual'; readonly timeouts: Timeouts; readonly daemons: readonly SyncDaemon[] }
  | { readonly kind: 'refused'; readonly operation: OptionOperation; readonly reason: string }
  | { readonly kind: 'release' };

export type OptionsOutput =
  /** To be kept on disk before the operations that follow. */
  | { readonly kind: 'leave'; readonly left: KernelOptionsLeft }
  | { readonly kind: 'apply-options'; readonly operations: readonly OptionOperation[] }
  | { readonly kind: 'event'; readonly event: LvsEvent };

/**
 * Keeps connection synchronisation and the kernel's timeouts as the settings and the VRRP states want them. What was
 * refused is tried again at every reading and told once.
 */
export class OptionsKeeper {
  #settings: KernelOptionSettings = untouchedOptions;
  #configured = false;
  #masters: ReadonlySet<string> | undefined;
  #left: KernelOptionsLeft = { daemons: [], timeouts: null };
  #actual: { readonly timeouts: Timeouts; readonly daemons: readonly SyncDaemon[] } | undefined;
  /** Refused operations by their description, with the reason. */
  #refused = new Map<string, string>();

  handle(input: OptionsInput): readonly OptionsOutput[] {
    switch (input.kind) {
      case 'left':
        this.#left = input.left;
        return [];
      case 'configure':
        this.#settings = input.settings;
        this.#configured = true;
        this.#refused.clear();
        return this.#plan();
      case 'masters': {
        const masters = new Set(input.instances);
        const same = this.#masters?.size === masters.size && [...masters].every((name) => this.#masters?.has(name));
        this.#masters = masters;
        return same ? [] : this.#plan();
      }
      case 'actual':
        this.#actual = { timeouts: input.timeouts, daemons: input.daemons };
        return this.#plan();
      case 'refused': {
        const what = describeOption(input.operation);
        const known = this.#refused.get(what) === input.reason;
        this.#refused.set(what, input.reason);
        if (known) return [];
        const event = { kind: 'operation-refused', service: 'ipvs', what, reason: input.reason, place: null } as const;
        return [{ kind: 'event', event }];
      }
      case 'release':
        return this.#release();
    }
  }

  /** As it leaves the process. */
  get report(): KernelOptionsSnapshot {
    return {
      syncDaemons: this.#actual?.daemons ?? [],
      timeouts: this.#actual?.timeouts ?? null,
      optionProblems: [...this.#refused].map(([what, reason]) => `the kernel refused to ${what}: ${reason}`),
    };
  }

  #plan(): OptionsOutput[] {
    if (this.#actual === undefined || !this.#configured) return [];
    const operations: OptionOperation[] = [];
    const { timeouts, daemons } = this.#actual;
    let left = this.#left;
    const missing = missingTimeouts(this.#settings.timeouts, timeouts);
    if (missing !== undefined) {
      left = { ...left, timeouts: left.timeouts ?? timeouts };
      operations.push({ kind: 'set-timeouts', timeouts: missing });
    }
    const { syncDaemon } = this.#settings;
    const wanted = wantedSyncStates(syncDaemon, this.#masters);
    if (wanted !== undefined) {
      operations.push(...planDaemons(syncDaemon, wanted, daemons, new Set(left.daemons)));
      left = { ...left, daemons: syncDaemon === null ? [] : wanted };
    }
    return this.#giveOut(operations, left);
  }

  #release(): OptionsOutput[] {
    this.#configured = false;
    this.#settings = untouchedOptions;
    if (this.#actual === undefined) return [];
    const { daemons, timeouts } = this.#actual;
    const ours = new Set(this.#left.daemons);
    const operations: OptionOperation[] = daemons
      .filter(({ state }) => ours.has(state))
      .map((daemon) => ({ kind: 'stop-daemon', daemon }));
    const before = this.#left.timeouts && missingTimeouts(this.#left.timeouts, timeouts);
    if (before) operations.push({ kind: 'set-timeouts', timeouts: before });
    return this.#giveOut(operations, { daemons: [], timeouts: null });
  }

  #giveOut(operations: readonly OptionOperation[], left: KernelOptionsLeft): OptionsOutput[] {
    const outputs: OptionsOutput[] = [];
    if (JSON.stringify(left) !== JSON.stringify(this.#left)) {
      this.#left = left;
      outputs.push({ kind: 'leave', left });
    }
    const wanted = new Set(operations.map(describeOption));
    for (const what of this.#refused.keys()) if (!wanted.has(what)) this.#refused.delete(what);
    if (operations.length === 0) return outputs;
    this.#actual = this.#actual && after(this.#actual, operations);
    for (const operation of operations) {
      if (operation.kind === 'set-timeouts' || this.#refused.has(describeOption(operation))) continue;
      const { state, interface: name } = operation.daemon;
      const kind = operation.kind === 'start-daemon' ? 'sync-daemon-started' : 'sync-daemon-stopped';
      outputs.push({ kind: 'event', event: { kind, state, interface: name } });
    }
    return [...outputs, { kind: 'apply-options', operations }];
  }
}

/** What the kernel is expected to have then; the next reading tells what it really has. */
function after(
  actual: { readonly timeouts: Timeouts; readonly daemons: readonly SyncDaemon[] },
  operations: readonly OptionOperation[],
): { readonly timeouts: Timeouts; readonly daemons: readonly SyncDaemon[] } {
  let { timeouts, daemons } = actual;
  for (const operation of operations) {
    if (operation.kind === 'set-timeouts') {
      const { tcp, tcpFin, udp } = operation.timeouts;
      timeouts = { tcp: tcp || timeouts.tcp, tcpFin: tcpFin || timeouts.tcpFin, udp: udp || timeouts.udp };
    } else {
      const { state } = operation.daemon;
      daemons = daemons.filter((daemon) => daemon.state !== state);
      if (operation.kind === 'start-daemon') daemons = [...daemons, operation.daemon];
    }
  }
  return { timeouts, daemons };
}
