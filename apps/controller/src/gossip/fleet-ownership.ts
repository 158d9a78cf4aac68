import { Inject, Injectable } from '@nestjs/common';
import { type Instant, instant } from '@keepfleet/machine';
import { fleet, model } from '@keepfleet/rpc';
import {
  type OwnershipChange,
  type OwnershipVerdict,
  type RouterOwnership,
  OwnershipView,
  countedMasters,
  describeOwnership,
  layoutOf,
  routerKeyText,
} from '@keepfleet/swim';
import type { Logger } from 'pino';
import type { ClockWatch } from '../common/clock-watch.ts';
import { CLOCK, LOG } from '../common/tokens.ts';
import { EventLog, LARGEST_PAGE } from '../events/event-log.ts';
import { FleetState } from '../fleet/fleet-state.ts';
import { freshness, type NodeRecord } from '../fleet/node-record.ts';
import { advertised, familyWord } from '../routers/router-group.ts';
import { entryOfClaim, newestClaims, ownershipFamily } from '../routers/router-claims.ts';

/** What streams bring is gathered for this long: a change reaches several agents at once, and each reports it. */
const GATHER_MS = 50;

/** What the view was given last of one node. */
interface Fed {
  /** Its newest claims, with the sequences of their notices: said again is news too. */
  readonly text: string;
  readonly member: 'alive' | 'suspect' | 'failed';
}

/**
 * Who is master of which virtual router by all agents' words together, judged by what judges it in every agent
 * (docs/adr/0006). An agent whose stream is lost is still spoken of by those that gossip with it.
 */
@Injectable()
export class FleetOwnership {
  readonly #state: FleetState;
  readonly #events: EventLog;
  readonly #clock: ClockWatch;
  readonly #log: Logger;
  readonly #view = new OwnershipView();
  /** By reporter the claims that it told last, as they came; and by node what each reporter says of it. */
  readonly #told = new Map<string, readonly model.RouterClaim[]>();
  readonly #words = new Map<string, Map<string, model.RouterClaim[]>>();
  readonly #fed = new Map<string, Fed>();
  /** When a node that others do not hear was heard last by its stream, at the time of their word. */
  readonly #accused = new Map<string, number>();
  #unsubscribe: readonly (() => void)[] = [];
  #gather: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sequence = 0;

  constructor(
    @Inject(FleetState) state: FleetState,
    @Inject(EventLog) events: EventLog,
    @Inject(CLOCK) clock: ClockWatch,
    @Inject(LOG) log: Logger,
  ) {
    this.#state = state;
    this.#events = events;
    this.#clock = clock;
    this.#log = log;
  }

  /** Takes up the alarms of an earlier run, which its events tell of. */
  async start(): Promise<void> {
    const { events } = await this.#events.latest({ node: '', kind: 'vrrp.' }, LARGEST_PAGE);
    const told = new Map(
      events.flatMap(({ node, event }) => (event === undefined || node !== '' ? [] : [alarmOf(event)])),
    );
    this.#view.recall(told);
    const ofChanges = this.#state.changes.subscribe(() => {
      this.#gather ??= setTimeout(() => {
        this.#gather = undefined;
        this.#look();
      }, GATHER_MS);
    });
    const ofClock = this.#clock.subscribe((ms) => {
      for (const [node, heardAt] of this.#accused) this.#accused.set(node, heardAt + ms);
    });
    this.#unsubscribe = [ofChanges, ofClock];
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    clearTimeout(this.#gather);
    clearTimeout(this.#timer);
  }

  routers(): RouterOwnership[] {
    return this.#view.routers(monotonic());
  }

  #look(): void {
    const now = this.#clock.now();
    const records = this.#state.records();
    const current = records.filter((record) => freshness(record, now) === fleet.Freshness.CURRENT);
    const changed = new Set(this.#accused.keys());
    for (const name of this.#take(current)) changed.add(name);
    for (const node of changed) this.#feed(node, current);
    this.#judge();
  }

  /** Nodes of which something else is said than before. */
  #take(current: readonly NodeRecord[]): Set<string> {
    const changed = new Set<string>();
    const names = new Set(current.map(({ name }) => name));
    for (const reporter of this.#told.keys()) if (!names.has(reporter)) this.#replace(reporter, undefined, changed);
    for (const { name, state } of current) {
      const claims = state?.rest.claims ?? NONE;
      if (this.#told.get(name) !== claims) this.#replace(name, claims, changed);
    }
    return changed;
  }

  #replace(reporter: string, claims: readonly model.RouterClaim[] | undefined, changed: Set<string>): void {
    // Whether it is heard here counts for itself, whatever it says.
    changed.add(reporter);
    for (const { node } of this.#told.get(reporter) ?? NONE) {
      this.#words.get(node)?.delete(reporter);
      changed.add(node);
    }
    if (claims === undefined) this.#told.delete(reporter);
    else this.#told.set(reporter, claims);
    for (const claim of claims ?? NONE) {
      const words = this.#words.get(claim.node) ?? new Map<string, model.RouterClaim[]>();
      this.#words.set(claim.node, words);
      words.set(reporter, [...(words.get(reporter) ?? []), claim]);
      changed.add(claim.node);
    }
  }

  #feed(node: string, current: readonly NodeRecord[]): void {
    const words = [...(this.#words.get(node) ?? [])].flatMap(([reporter, claims]) =>
      claims.map((claim) => ({ reporter, claim })),
    );
    const now = monotonic();
    const before = this.#fed.get(node);
    if (words.length === 0) {
      this.#words.delete(node);
      this.#accused.delete(node);
      if (before === undefined) return;
      this.#fed.delete(node);
      this.#view.member(node, 'left', now);
      return;
    }
    const newest = newestClaims(words.map(({ claim }) => claim));
    const entries = newest.flatMap((claim) => entryOfClaim(claim) ?? []);
    const text = newest.map((claim) => `${claim.sequence} ${JSON.stringify(entryOfClaim(claim))}`).join('\n');
    const own = current.find(({ name }) => name === node);
    const others = words.filter(({ reporter }) => reporter !== node).map(({ claim }) => claim.member);
    const member = this.#memberBy(node, others, own);
    if (before?.member !== member) this.#view.member(node, member, now);
    if (before?.text !== text) {
      const sequence = ++this.#sequence;
      this.#view.heard({ node, layout: layoutOf(entries), part: 0, parts: 1, sequence, entries }, now);
    }
    this.#fed.set(node, { text, member });
  }

  /**
   * One that hears a node outweighs those that do not. A node that nobody hears is heard by us once its stream has brought
   * something after they said so: a stream that was cut with the power looks open for some heartbeats.
   */
  #memberBy(node: string, others: readonly string[], own: NodeRecord | undefined): Fed['member'] {
    if (others.some((word) => word === 'alive' || word === 'unknown') || (others.length === 0 && own !== undefined)) {
      this.#accused.delete(node);
      return 'alive';
    }
    const heardAt = own?.lastHeardAt.getTime();
    const accusedAt = this.#accused.get(node);
    if (accusedAt === undefined) this.#accused.set(node, heardAt ?? 0);
    else if (heardAt !== undefined && heardAt > accusedAt) return 'alive';
    return others.includes('suspect') ? 'suspect' : 'failed';
  }

  #judge(): void {
    clearTimeout(this.#timer);
    for (const change of this.#view.timeout(monotonic())) this.#tell(change);
    const deadline = this.#view.nextDeadline();
    if (deadline === undefined) return;
    this.#timer = setTimeout(() => this.#judge(), Math.max(1, Math.ceil((deadline - monotonic()) / 1000)));
  }

  #tell({ router, before }: OwnershipChange): void {
    const { vrid, family, address, verdict, claims } = router;
    if (verdict === 'one-master' && before === undefined) return;
    const instance = this.#instanceOf(routerKeyText(router));
    const message = describeOwnership(router, instance);
    const isOver = verdict === 'one-master';
    this.#log[isOver ? 'info' : 'error']({ vrid, verdict }, message);
    this.#events
      .write({
        node: '',
        severity: isOver ? model.Severity.INFO : model.Severity.ERROR,
        kind: `vrrp.${verdict}`,
        subject: instance ?? `VRID ${vrid}`,
        message,
        attributes: {
          vrid: String(vrid),
          family,
          address: address ?? '',
          masters: countedMasters(claims)
            .map(({ node }) => node)
            .join(','),
          source: 'controller',
        },
      })
      .catch((error: unknown) => this.#log.error({ error }, `store: vrrp.${verdict} could not be written down`));
  }

  /** What a node that carries it calls it. */
  #instanceOf(key: string): string | undefined {
    for (const record of this.#state.records())
      for (const router of record.state?.routers.values() ?? []) {
        const family = ownershipFamily(router.family);
        const [address] = advertised(router)
          .filter((one) => one.includes(':') === (family === 'ipv6'))
          .sort();
        if (`${router.vrid}/${familyWord(router.family)}/${address ?? ''}` === key) return router.instance;
      }
    return undefined;
  }
}

/** What an event of our own says, and of which router; later ones are of the same form. */
function alarmOf({ kind, attributes }: model.Event): readonly [router: string, verdict: OwnershipVerdict] {
  const { vrid = '', family = '', address = '' } = attributes;
  const verdict = VERDICTS.find((each) => kind === `vrrp.${each}`) ?? 'one-master';
  return [`${vrid}/${family}/${address}`, verdict];
}

const VERDICTS = ['one-master', 'multi-master', 'no-master'] as const;
const NONE: readonly model.RouterClaim[] = [];

function monotonic(): Instant {
  return instant(performance.now() * 1000);
}
