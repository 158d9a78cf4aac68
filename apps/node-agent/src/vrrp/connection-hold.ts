import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Duration, toMillis } from '@keepfleet/machine';
import { type IpAddress, familyOf } from '@keepfleet/wire';
import type { Log } from '../log.ts';
import { runNft, runNftNow } from '../nft.ts';

const TABLE = 'inet keepfleet_handover';
/** nft takes 5 ms where nothing else is to be done. */
const LONGEST_MS = 150;

interface Hold {
  readonly addresses: readonly IpAddress[];
  readonly duration: Duration;
}

/**
 * Holds new TCP connections to addresses back while they are handed over, by nftables: their SYN is dropped and the
 * client's TCP asks again a second later. The kernel ends a hold by itself when its time is over, so that not even the
 * death of this process leaves one behind. Without nft the hand-over goes on without a hold.
 */
export class ConnectionHold {
  readonly #log: Log;
  /** Until when, in milliseconds of the monotonic clock. */
  readonly #held = new Map<IpAddress, number>();
  /** The kernel does not have yet what is held. */
  #stale = false;
  #work: Promise<void> | undefined;
  #end: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * In place when it returns, so that no connection is opened here after the priority 0 that comes next; where that takes
   * longer than `patienceMs`, or others are held already, soon after: hundreds that are drained one by one are not waited
   * for one by one.
   */
  hold(holds: readonly Hold[], patienceMs: number): void {
    const isFirst = this.#held.size === 0 && this.#work === undefined;
    for (const { addresses, duration } of holds)
      for (const address of addresses) this.#held.set(address, performance.now() + toMillis(duration));
    const timeout = Math.min(patienceMs, LONGEST_MS);
    if (isFirst && timeout > 0 && runNftNow(holdScript(this.#held), timeout) === undefined) this.#endLater();
    else this.#changed();
  }

  release(addresses: readonly IpAddress[]): void {
    const held = addresses.filter((address) => this.#held.delete(address));
    if (held.length > 0) this.#changed();
  }

  /** What was asked for is done: whoever ends before leaves the table behind. */
  async done(): Promise<void> {
    await this.#work;
  }

  #changed(): void {
    this.#stale = true;
    this.#work ??= this.#carryOut();
    this.#endLater();
  }

  #endLater(): void {
    clearTimeout(this.#end);
    if (this.#held.size === 0) return;
    const last = Math.max(...this.#held.values());
    this.#end = setTimeout(() => this.release([...this.#held.keys()]), Math.ceil(last - performance.now()));
  }

  /** One script after the other, for whatever has come together meanwhile; the VRRP of this process waits for none. */
  async #carryOut(): Promise<void> {
    await nextTurn();
    while (this.#stale) {
      this.#stale = false;
      const over = this.#held.size === 0;
      const reason = await runNft(over ? `add table ${TABLE}\ndelete table ${TABLE}\n` : holdScript(this.#held));
      if (reason === undefined) continue;
      const consequence = over
        ? 'the table of the hold stays behind, empty'
        : 'new connections are not held back while the addresses are handed over';
      this.#log.warn({ table: TABLE, reason }, `${consequence}: ${reason}`);
    }
    this.#work = undefined;
  }
}

function holdScript(held: ReadonlyMap<IpAddress, number>): string {
  const now = performance.now();
  const elements = (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const some = [...held].flatMap(([address, until]) =>
      familyOf(address) === family ? [`${address} timeout ${Math.max(1, Math.ceil(until - now))}ms`] : [],
    );
    return some.length === 0 ? [] : [`add element ${TABLE} ${family} { ${some.join(', ')} }`];
  });
  const rule = (family: string, set: string) =>
    `add rule ${TABLE} arriving ${family} daddr @${set} tcp flags & (fin|syn|rst|ack) == syn drop`;
  return [
    // All of it may be there from before.
    `add table ${TABLE}`,
    `delete table ${TABLE}`,
    `add table ${TABLE}`,
    `add set ${TABLE} ipv4 { type ipv4_addr; flags timeout; }`,
    `add set ${TABLE} ipv6 { type ipv6_addr; flags timeout; }`,
    `add chain ${TABLE} arriving { type filter hook prerouting priority -350; policy accept; }`,
    rule('ip', 'ipv4'),
    rule('ip6', 'ipv6'),
    ...elements,
    '',
  ].join('\n');
}
