import { type Duration, type Instant, after, micros, millis } from '@keepfleet/machine';
import {
  type OwnershipEntry,
  type OwnershipRole,
  OwnershipTeller,
  type OwnershipVerdict,
  OwnershipView,
  type SwimOutput,
  decodeNotice,
  routerKeyText,
} from '@keepfleet/swim';
import { seededRandom } from '@keepfleet/testkit';
import { hex, ip, unhex } from '@keepfleet/wire';
import { Fleet, type FleetOptions } from './fleet.ts';

const STEP = millis(10);
const WALL_CLOCK = 1_800_000_000_000;

interface Owner {
  readonly teller: OwnershipTeller;
  readonly view: OwnershipView;
  watched: string;
  verdict: OwnershipVerdict | undefined;
}

/** Members that tell each other of one virtual router, as the driver does: who says what of it, and when. */
export class Owners {
  readonly fleet: Fleet;
  /** Every verdict that was told, by whom. */
  readonly told: { readonly by: string; readonly verdict: OwnershipVerdict; readonly at: Instant }[] = [];
  readonly #owners = new Map<string, Owner>();

  constructor(count: number, options: FleetOptions) {
    this.fleet = new Fleet(options).grow(count);
    for (const [name, machine] of this.fleet.machines) {
      const owner: Owner = {
        teller: new OwnershipTeller(name, seededRandom(options.seed ?? 1)),
        view: new OwnershipView(),
        watched: '',
        verdict: undefined,
      };
      this.#owners.set(name, owner);
      for (const method of ['handle', 'timeout'] as const) {
        const original = machine[method].bind(machine) as (...args: unknown[]) => readonly SwimOutput[];
        Object.assign(machine, {
          [method]: (...args: unknown[]) => {
            const outputs = original(...args);
            for (const output of outputs) this.#hear(name, owner, output, args.at(-1) as Instant);
            return outputs;
          },
        });
      }
    }
  }

  say(name: string, role: OwnershipRole, hearsMaster = role === 'backup'): void {
    const address = ip('198.51.100.1');
    const entry: OwnershipEntry = { vrid: 1, family: 'ipv4', address, role, hearsMaster, priority: 100, since: 1 };
    this.#owners.get(name)?.teller.set([entry], this.fleet.lan.now);
  }

  kill(name: string): void {
    this.fleet.kill(name);
    this.#owners.delete(name);
  }

  run(time: Duration): void {
    const end = after(this.fleet.lan.now, time);
    while (this.fleet.lan.now < end) this.#step();
  }

  /** Virtual µs until every member, carrier or not, has told the verdict; undefined when `limit` is over before. */
  until(verdict: OwnershipVerdict, limit: Duration): Duration | undefined {
    const began = this.fleet.lan.now;
    while (this.fleet.lan.now < after(began, limit)) {
      if ([...this.#owners.values()].every((owner) => owner.verdict === verdict))
        return micros(this.fleet.lan.now - began);
      this.#step();
    }
    return undefined;
  }

  #hear(self: string, owner: Owner, output: SwimOutput, now: Instant): void {
    if (output.kind === 'member') {
      owner.view.member(output.member.name, output.member.status, now);
      if (output.change === (output.member.name === self ? 'cleared' : 'joined')) owner.teller.greet(now);
    }
    if (output.kind !== 'user-event') return;
    const notice = decodeNotice(output.name, unhex(output.payload));
    if (!notice.ok) throw new Error(notice.error.detail);
    owner.view.heard(notice.value, now);
  }

  #step(): void {
    this.fleet.lan.run(STEP);
    const { now } = this.fleet.lan;
    for (const [name, owner] of this.#owners) {
      for (const event of owner.teller.timeout(now, WALL_CLOCK + now / 1000))
        this.fleet.lan.input(name, { kind: 'raise', name: event.name, payload: hex(event.payload), coalesce: true });
      const names = owner.view.mastersToWatch(name);
      if (names.join() !== owner.watched) this.fleet.lan.input(name, { kind: 'watch', names });
      owner.watched = names.join();
      for (const { router } of owner.view.timeout(now)) {
        if (routerKeyText(router) !== '1/ipv4/198.51.100.1') throw new Error(`nobody told of ${routerKeyText(router)}`);
        owner.verdict = router.verdict;
        this.told.push({ by: name, verdict: router.verdict, at: now });
      }
    }
  }
}
