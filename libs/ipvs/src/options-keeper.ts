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
import { placeText } from './balancer-events.ts';
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
  /** The kernel has carried an operation out. */
  | { readonly kind: 'done'; readonly operation: OptionOperation }
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
  /** Refused operations by their description. */
  #refused = new Map<string, { readonly reason: string; readonly place: string | null }>();

  handle(input: OptionsInput): readonly OptionsOutput[] {
    switch (input.kind) {
      case 'left':
        this.#left = input.left;
        return [];
      case 'configure':
        this.#settings = input.settings;
        this.#configured = true;
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
        const known = this.#refused.get(what)?.reason === input.reason;
        const place = this.#placeOf(input.operation);
        this.#refused.set(what, { reason: input.reason, place });
        if (known) return [];
        return [
          { kind: 'event', event: { kind: 'operation-refused', service: 'ipvs', what, reason: input.reason, place } },
        ];
      }
      case 'done':
        return this.#done(input.operation);
      case 'release':
        return this.#release();
    }
  }

  /** As it leaves the process. */
  get report(): KernelOptionsSnapshot {
    return {
      syncDaemons: this.#actual?.daemons ?? [],
      timeouts: this.#actual?.timeouts ?? null,
      optionProblems: [...this.#refused].map(
        ([what, { reason, place }]) => `the kernel refused to ${what}${placeText(place)}: ${reason}`,
      ),
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
    return operations.length === 0 ? outputs : [...outputs, { kind: 'apply-options', operations }];
  }

  #done(operation: OptionOperation): OptionsOutput[] {
    this.#refused.delete(describeOption(operation));
    this.#actual = this.#actual && after(this.#actual, operation);
    if (operation.kind === 'set-timeouts') return [];
    const { state, interface: name } = operation.daemon;
    const kind = operation.kind === 'start-daemon' ? 'sync-daemon-started' : 'sync-daemon-stopped';
    return [{ kind: 'event', event: { kind, state, interface: name } }];
  }

  #placeOf(operation: OptionOperation): string | null {
    const { places } = this.#settings;
    return (operation.kind === 'set-timeouts' ? places?.timeouts : places?.syncDaemon) ?? null;
  }
}

/** What the kernel has then. */
function after(
  actual: { readonly timeouts: Timeouts; readonly daemons: readonly SyncDaemon[] },
  operation: OptionOperation,
): { readonly timeouts: Timeouts; readonly daemons: readonly SyncDaemon[] } {
  const { timeouts } = actual;
  if (operation.kind === 'set-timeouts') {
    const { tcp, tcpFin, udp } = operation.timeouts;
    return {
      ...actual,
      timeouts: { tcp: tcp || timeouts.tcp, tcpFin: tcpFin || timeouts.tcpFin, udp: udp || timeouts.udp },
    };
  }
  const daemons = actual.daemons.filter(({ state }) => state !== operation.daemon.state);
  return { timeouts, daemons: operation.kind === 'start-daemon' ? [...daemons, operation.daemon] : daemons };
}
