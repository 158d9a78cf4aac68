import { type Duration, toMillis } from '@keepfleet/machine';
import { type IpAddress, familyOf } from '@keepfleet/wire';
import type { Log } from '../log.ts';
import { runNft } from './nft.ts';

const TABLE = 'inet keepfleet_handover';

/**
 * Holds new TCP connections to addresses back while they are handed over, by nftables: their SYN is dropped and the
 * client's TCP asks again a second later. The kernel ends a hold by itself when its time is over, so that not even the
 * death of this process leaves one behind. Without nft the hand-over goes on without a hold.
 */
export class ConnectionHold {
  readonly #log: Log;
  readonly #held = new Map<IpAddress, NodeJS.Timeout>();
  #work: Promise<void> = Promise.resolve();

  constructor(log: Log) {
    this.#log = log;
  }

  hold(addresses: readonly IpAddress[], duration: Duration): void {
    const milliseconds = Math.ceil(toMillis(duration));
    for (const address of addresses) {
      clearTimeout(this.#held.get(address));
      this.#held.set(
        address,
        setTimeout(() => this.release([address]), milliseconds),
      );
    }
    this.#run(
      holdScript(addresses, milliseconds),
      'new connections are not held back while the addresses are handed over',
    );
  }

  release(addresses: readonly IpAddress[]): void {
    const held = addresses.filter((address) => this.#held.has(address));
    if (held.length === 0) return;
    for (const address of held) {
      clearTimeout(this.#held.get(address));
      this.#held.delete(address);
    }
    // The others end by their own time; with the last one everything of ours goes.
    if (this.#held.size === 0) this.#run(`delete table ${TABLE}\n`, 'the table of the hold stays behind, empty');
  }

  /** One script after the other, none of which the VRRP of this process waits for. */
  #run(script: string, consequence: string): void {
    this.#work = this.#work.then(async () => {
      const reason = await runNft(script);
      if (reason !== undefined) this.#log.warn({ table: TABLE, reason }, `${consequence}: ${reason}`);
    });
  }
}

function holdScript(addresses: readonly IpAddress[], milliseconds: number): string {
  const elements = (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const some = addresses.filter((address) => familyOf(address) === family);
    return some.length === 0
      ? []
      : [
          `add element ${TABLE} ${family} { ${some.map((address) => `${address} timeout ${milliseconds}ms`).join(', ')} }`,
        ];
  });
  const rule = (family: string, set: string) =>
    `add rule ${TABLE} arriving ${family} daddr @${set} tcp flags & (fin|syn|rst|ack) == syn drop`;
  return [
    // All of it may be there from a hold that is not over.
    `add table ${TABLE}`,
    `add set ${TABLE} ipv4 { type ipv4_addr; flags timeout; }`,
    `add set ${TABLE} ipv6 { type ipv6_addr; flags timeout; }`,
    `add chain ${TABLE} arriving { type filter hook prerouting priority -350; policy accept; }`,
    `flush chain ${TABLE} arriving`,
    rule('ip', 'ipv4'),
    rule('ip6', 'ipv6'),
    ...elements,
    '',
  ].join('\n');
}
