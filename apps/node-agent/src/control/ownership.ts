import { randomInt } from 'node:crypto';
import { type Instant, instant } from '@keepfleet/machine';
import type { OwnershipNotification } from '@keepfleet/mib';
import { type model, routerClaim } from '@keepfleet/rpc';
import {
  type OwnershipChange,
  type OwnershipEntry,
  OwnershipTeller,
  OwnershipView,
  type RouterOwnership,
  countedMasters,
  decodeNotice,
  describeOwnership,
  isOwnershipNotice,
  routerKeyText,
} from '@keepfleet/swim';
import type { RouterSnapshot } from '@keepfleet/vrrp';
import type { GossipEvent, GossipMember } from '../gossip/index.ts';
import type { AlarmStore } from './alarm-store.ts';
import type { EventText } from './events.ts';

const RANDOM_RANGE = 2 ** 40;

/** What is told of a router of this node. */
export interface CarriedRouter extends Pick<
  RouterSnapshot,
  'name' | 'vrid' | 'family' | 'state' | 'effectivePriority' | 'since' | 'hearsMaster'
> {
  readonly addresses: readonly Pick<RouterSnapshot['addresses'][number], 'address' | 'advertised'>[];
}

export interface OwnershipOptions {
  readonly node: string;
  /** Raises a coalescing user event in the fleet; nothing happens while gossip is down. */
  readonly raise: (name: string, payload: Uint8Array) => void;
  /** Names the members whose silence matters most. */
  readonly watch: (names: readonly string[]) => void;
  /** Members that gossip knows now. */
  readonly members: () => readonly GossipMember[];
  readonly note: (event: EventText) => void;
  readonly alarms: Pick<AlarmStore, 'read' | 'write'>;
  /** Tells managers by SNMP, if they are to be told. */
  readonly notify: (notification: OwnershipNotification) => void;
  /** What is reported has changed. */
  readonly changed: () => void;
}

/**
 * Who owns which virtual router by the word of the nodes themselves, over gossip: it sees two masters where VRRP's own
 * segment is cut and neither hears the other, and needs no controller for it.
 */
export class Ownership {
  readonly #options: OwnershipOptions;
  readonly #teller: OwnershipTeller;
  readonly #view = new OwnershipView();
  #own = new Map<string, string>();
  #watched: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isOpen = true;

  constructor(options: OwnershipOptions) {
    this.#options = options;
    this.#teller = new OwnershipTeller(options.node, () => randomInt(RANDOM_RANGE) / RANDOM_RANGE);
    this.#view.recall(options.alarms.read());
  }

  /** What this node's routers are now; none while the vrrp process is not heard. */
  update(routers: readonly CarriedRouter[]): void {
    const entries = routers.map((router) => ({ entry: entryOf(router), instance: router.name }));
    this.#own = new Map(entries.map(({ entry, instance }) => [routerKeyText(entry), instance]));
    this.#teller.set(
      entries.map(({ entry }) => entry),
      now(),
    );
    this.#go();
  }

  /** Gossip is up, perhaps again: it does not know what was asked of it before, nor what was told meanwhile. */
  joined(): void {
    this.#options.watch(this.#watched);
    this.#teller.greet(now());
    this.#go();
  }

  gossip(event: GossipEvent): void {
    if (event.kind === 'member') {
      const { member, change } = event;
      this.#view.member(member.name, member.status, now());
      this.#teller.fleetSize(this.#options.members().filter(({ status }) => status === 'alive').length);
      // Who is new has heard nothing; who had to be contradicted by us may have missed what was told.
      if (change === (member.self ? 'cleared' : 'joined')) this.#teller.greet(now());
      this.#go();
    } else if (event.kind === 'user-event' && isOwnershipNotice(event.name)) {
      const notice = decodeNotice(event.name, event.payload);
      if (notice.ok && this.#view.heard(notice.value, now())) this.#options.changed();
      this.#go();
    }
  }

  /** Virtual routers that this node carries too, or all that were ever told of. */
  routers(which: 'carried' | 'all'): RouterOwnership[] {
    const all = this.#view.routers(now());
    return which === 'all' ? all : all.filter((router) => this.#own.has(routerKeyText(router)));
  }

  /** What the controller is told: of routers that this node carries, so that the share of each node stays small. */
  claims(): model.RouterClaim[] {
    return this.routers('carried').flatMap(wireClaims);
  }

  problems(): string[] {
    return this.routers('carried').flatMap((router) =>
      router.settled && router.verdict !== 'one-master'
        ? [`vrrp: ${describeOwnership(router, this.#own.get(routerKeyText(router)))}`]
        : [],
    );
  }

  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer);
  }

  #go(): void {
    if (!this.#isOpen) return;
    for (const { name, payload } of this.#teller.timeout(now(), Date.now())) this.#options.raise(name, payload);
    for (const change of this.#view.timeout(now())) this.#tell(change);
    this.#watch();
    clearTimeout(this.#timer);
    const deadlines = [this.#teller.nextDeadline(), this.#view.nextDeadline()].filter((one) => one !== undefined);
    if (deadlines.length === 0) return;
    const wait = Math.ceil((Math.min(...deadlines) - now()) / 1000);
    this.#timer = setTimeout(() => this.#go(), Math.max(1, wait));
  }

  #watch(): void {
    const names = this.#view.mastersToWatch(this.#options.node);
    if (names.join('\n') === this.#watched.join('\n')) return;
    this.#watched = names;
    this.#options.watch(names);
  }

  #tell({ router, before }: OwnershipChange): void {
    this.#options.changed();
    if (router.verdict === 'one-master' && before === undefined) return;
    // Also of a router that this node carries no longer: the next run would recall an alarm that nobody takes back.
    this.#options.alarms.write(this.#view.alarms());
    const instance = this.#own.get(routerKeyText(router));
    // Every node that carries the router tells; others would only repeat them.
    if (instance === undefined) return;
    const masters = countedMasters(router.claims).map(({ node }) => node);
    const message = describeOwnership(router, instance);
    const { vrid, family, address, verdict } = router;
    this.#options.notify({ kind: verdict, instance, vrid, family, address, masters, message });
    this.#options.note({
      severity: verdict === 'one-master' ? 'info' : 'error',
      kind: `vrrp.${verdict}`,
      subject: instance,
      message,
      attributes: {
        vrid: String(vrid),
        family,
        address: address ?? '',
        masters: masters.join(','),
        source: 'gossip',
      },
    });
  }
}

export function wireClaims(router: RouterOwnership): model.RouterClaim[] {
  const at = Date.now();
  const instantNow = now();
  return router.claims.map((claim) =>
    routerClaim(claim, new Date(Math.round(at - (instantNow - claim.heardAt) / 1000))),
  );
}

function entryOf(router: CarriedRouter): OwnershipEntry {
  const { vrid, family, state, effectivePriority, since, hearsMaster } = router;
  const [address] = router.addresses
    .filter((one) => one.advertised)
    .map((one) => one.address)
    .filter((one) => one.includes(':') === (family === 'ipv6'))
    .sort();
  return {
    vrid,
    family,
    address,
    role: state,
    hearsMaster: state !== 'master' && hearsMaster,
    priority: effectivePriority,
    since: Math.round(new Date(since).getTime()),
  };
}

function now(): Instant {
  return instant(performance.now() * 1000);
}
