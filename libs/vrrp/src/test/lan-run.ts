import { type Duration, type Instant, type Machine, between, millis, seconds } from '@keepfleet/machine';
import { VirtualLan, seededRandom } from '@keepfleet/testkit';
import { type IpAddress, ip } from '@keepfleet/wire';
import {
  type ReceivedPacket,
  type SendOutput,
  type VirtualRouterSettings,
  VrrpNode,
  type VrrpInput,
  type VrrpOutput,
  type VrrpSettings,
  masterDownInterval,
  virtualRouter,
} from '../index.ts';

// One run of 2 to 8 nodes with 1 to 255 virtual routers each, drawn from a seed, with everything going wrong that a LAN
// and its computers can do, and the invariants of VRRP checked all the time.

type Packet = Pick<SendOutput, 'source' | 'destination' | 'bytes' | 'ttl'>;

const DELAY: readonly [Duration, Duration] = [millis(0.1), millis(20)];
const LATENESS = millis(5);
/** Deadlines, deliveries and rounding, beside the protocol's own times. */
const SLACK = millis(60);
const DEVICE = 'eth0';
const INDEX = 2;

export interface LanFigures {
  readonly nodes: number;
  readonly routers: number;
  readonly takeovers: number;
}

/** Throws what was violated, with the seed. */
export function lanRun(seed: number): LanFigures {
  const run = new Run(seed);
  try {
    return run.play();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`seed ${seed}, at ${run.lan.now / 1e6} s after "${run.story.join('; ')}": ${text}`, {
      cause: error,
    });
  }
}

/** A node with its kernel: addresses it adds are there, and read back at once, as its driver does. */
class Computer implements Machine<VrrpInput, VrrpOutput> {
  readonly node = new VrrpNode();
  readonly own: IpAddress;
  readonly installed = new Map<IpAddress, string>();
  up = true;

  constructor(own: IpAddress) {
    this.own = own;
  }

  handle(input: VrrpInput, now: Instant): readonly VrrpOutput[] {
    if (input.kind === 'interface') this.up = input.interface.up;
    return this.#withKernel(this.node.handle(input, now), now);
  }

  timeout(now: Instant): readonly VrrpOutput[] {
    const deadline = this.node.nextDeadline();
    const outputs = this.node.timeout(now);
    // No timer may fire into a state that did not set it.
    if (outputs.length > 0 && (deadline === undefined || deadline > now)) throw new Error('a timer fired too early');
    return this.#withKernel(outputs, now);
  }

  nextDeadline(): Instant | undefined {
    return this.node.nextDeadline();
  }

  get link(): VrrpInput {
    const addresses = [this.own, ...this.installed.keys()].map((address) => ({ address, prefix: 24 }));
    return { kind: 'interface', interface: { name: DEVICE, index: INDEX, up: this.up, addresses } };
  }

  #withKernel(outputs: readonly VrrpOutput[], now: Instant): VrrpOutput[] {
    const all = [...outputs];
    let touched = false;
    for (const output of outputs) {
      if (output.kind === 'add-addresses') for (const one of output.addresses) this.installed.set(one.address, DEVICE);
      else if (output.kind === 'remove-addresses')
        for (const one of output.addresses) this.installed.delete(one.address);
      else continue;
      touched = true;
    }
    if (touched) all.push(...this.#withKernel(this.node.handle(this.link, now), now));
    return all;
  }
}

interface Member {
  readonly name: string;
  readonly computer: Computer;
  settings: VrrpSettings;
}

class Run {
  readonly lan: VirtualLan<VrrpInput, VrrpOutput, Packet>;
  readonly story: string[] = [];
  readonly #draw: () => number;
  readonly #members: Member[];
  readonly #grouped: boolean;
  readonly #settle: Duration;
  readonly #bound: Duration;
  /** Names of the nodes that are master of each virtual router. */
  readonly #masters = new Map<string, Set<string>>();
  readonly #disputedSince = new Map<string, Instant>();
  /** Since when nothing is wrong; undefined while something is. */
  #calmSince: Instant | undefined;
  #takeovers = 0;

  constructor(seed: number) {
    const draw = seededRandom(seed);
    this.#draw = draw;
    const many = draw() < 0.01;
    const count = many ? 2 : 2 + Math.floor(draw() * 7);
    const routers = many ? 255 : 1 + Math.floor(draw() * 3);
    const version = draw() < 0.5 ? 2 : 3;
    const family = version === 3 && draw() < 0.5 ? 'ipv6' : 'ipv4';
    const advertInterval =
      version === 2 ? seconds(1 + Math.floor(draw() * 2)) : millis(100 + 10 * Math.floor(draw() * 100));
    this.#grouped = routers > 1 && draw() < 0.5;
    this.lan = new VirtualLan({ seed, delay: DELAY, duplication: 0.05, timerLateness: LATENESS });
    const slowest = masterDownInterval({ version, downTimerAdverts: 3 }, 1, advertInterval);
    this.#bound = (slowest + DELAY[1] + SLACK) as Duration;
    // A listening interval of one that overslept, a master-down time, and the same again for a group.
    this.#settle = (4 * slowest + 4 * advertInterval) as Duration;
    this.#members = Array.from({ length: count }, (_, i) => {
      const shared = this.#priority();
      const instances = Array.from({ length: routers }, (_, r) =>
        virtualRouter({
          name: `VI_${r + 1}`,
          vrid: r + 1,
          interface: DEVICE,
          version,
          family,
          advertInterval,
          // A group whose members have different priorities may never agree, with keepalived as with us.
          priority: this.#grouped ? shared : this.#priority(),
          preempt: draw() < 0.8,
          startState: draw() < 0.3 ? 'master' : 'backup',
          ...(this.#grouped ? { syncGroup: 'G' } : {}),
          addresses: [
            {
              address: ip(family === 'ipv4' ? `198.51.100.${r + 1}` : `fe80::1:${(r + 1).toString(16)}`),
              prefix: 24,
              interface: DEVICE,
              advertised: true,
              scope: 0,
            },
          ],
        }),
      );
      const computer = new Computer(ip(family === 'ipv4' ? `192.0.2.${i + 1}` : `fe80::${i + 1}`));
      return { name: `N${i + 1}`, computer, settings: this.#settingsOf(instances) };
    });
  }

  play(): LanFigures {
    for (const member of this.#members) {
      this.#attach(member);
      this.lan.input(member.name, member.computer.link);
      this.lan.input(member.name, { kind: 'configure', settings: member.settings });
    }
    this.#calm();
    this.#expectOneMasterEach();
    const disturbances = 2 + Math.floor(this.#draw() * 3);
    for (let i = 0; i < disturbances; i++) {
      this.#disturb();
      this.#calm();
      this.#expectOneMasterEach();
    }
    const routers = this.#members[0]?.settings.instances.length ?? 0;
    return { nodes: this.#members.length, routers, takeovers: this.#takeovers };
  }

  #settingsOf(instances: readonly VirtualRouterSettings[]): VrrpSettings {
    const members = instances.map(({ name }) => name);
    return {
      startupDelay: seconds(0),
      logUnknownVrids: false,
      instances,
      ...(this.#grouped ? { syncGroups: [{ name: 'G', members }] } : {}),
    };
  }

  #priority(): number {
    return 1 + Math.floor(this.#draw() * 12) * 23;
  }

  #attach({ name, computer }: Member): void {
    this.lan.attach({
      name,
      machine: computer,
      addresses: [computer.own],
      groups: ['224.0.0.18', 'ff02::12'],
      send: (output) =>
        output.kind === 'send' && computer.up
          ? { from: output.source, multicast: output.destination, bytes: output }
          : undefined,
      receive: ({ bytes }): ReceivedPacket => ({
        kind: 'packet',
        interface: DEVICE,
        source: bytes.source,
        destination: bytes.destination,
        ttl: bytes.ttl,
        bytes: bytes.bytes,
      }),
      seen: (output) => this.#seen(name, output),
    });
  }

  /** Something goes wrong for a while. */
  #disturb(): void {
    const { lan } = this;
    const draw = this.#draw;
    const pick = (): Member => this.#members[Math.floor(draw() * this.#members.length)] as Member;
    const while_ = seconds(draw() * 12);
    const { name, computer } = pick();
    this.#calmSince = undefined;
    const kinds = ['loss', 'partition', 'pause', 'suspend', 'priority', 'link', 'relinquish', 'thief'] as const;
    const kind = kinds[Math.floor(draw() * kinds.length)] ?? 'loss';
    this.story.push(`${kind} ${name} ${(while_ / 1e6).toFixed(1)} s`);
    switch (kind) {
      case 'loss':
        lan.lose(0.2 + draw() * 0.7);
        lan.run(while_);
        return lan.lose(0);
      case 'partition': {
        const cut = 1 + Math.floor(draw() * (this.#members.length - 1));
        const names = this.#members.map((member) => member.name);
        lan.partition(names.slice(0, cut), names.slice(cut));
        lan.run(while_);
        return lan.heal();
      }
      case 'pause':
        lan.pause(name);
        lan.run(while_);
        return lan.resume(name, 'inputs');
      case 'suspend':
        lan.pause(name);
        lan.run(while_);
        return lan.wake(name, while_);
      case 'priority': {
        const member = pick();
        const shared = this.#priority();
        const instances = member.settings.instances.map((one) => ({
          ...one,
          priority: this.#grouped ? shared : this.#priority(),
        }));
        member.settings = this.#settingsOf(instances);
        return lan.input(member.name, { kind: 'configure', settings: member.settings });
      }
      case 'link':
        computer.up = false;
        lan.input(name, computer.link);
        lan.run(while_);
        computer.up = true;
        return lan.input(name, computer.link);
      case 'relinquish':
        return lan.input(name, { kind: 'command', command: { kind: 'relinquish', instance: 'VI_1' } });
      case 'thief':
        computer.installed.clear();
        return lan.input(name, computer.link);
    }
  }

  /** Nothing is wrong any more, for long enough. */
  #calm(): void {
    this.#calmSince = this.lan.now;
    this.lan.run(this.#settle);
    for (const vrid of this.#masters.keys()) this.#checkDispute(vrid);
  }

  #seen(name: string, output: VrrpOutput): void {
    if (output.kind !== 'event' || output.event.kind !== 'state-changed') return;
    this.#checkGroup(name);
    const { instance, to } = output.event;
    const masters = this.#masters.get(instance) ?? new Set<string>();
    this.#masters.set(instance, masters);
    this.#checkDispute(instance);
    if (to === 'master') {
      masters.add(name);
      this.#takeovers++;
    } else masters.delete(name);
    if (masters.size < 2) this.#disputedSince.delete(instance);
    else if (!this.#disputedSince.has(instance)) this.#disputedSince.set(instance, this.lan.now);
  }

  /** On a connected LAN never two masters for longer than one master-down time and the delay. */
  #checkDispute(instance: string): void {
    const since = this.#disputedSince.get(instance);
    if (since === undefined || this.#calmSince === undefined) return;
    const disputed = between(Math.max(since, this.#calmSince) as Instant, this.lan.now);
    if (disputed > this.#bound)
      throw new Error(
        `${instance} has had the masters ${[...(this.#masters.get(instance) ?? [])].join(' and ')} for ${disputed / 1e6} s, ${this.#bound / 1e6} s are allowed`,
      );
  }

  #checkGroup(name: string): void {
    const member = this.#members.find((one) => one.name === name);
    if (!this.#grouped || member === undefined) return;
    const states = member.computer.node.states();
    if (states.includes('master') && states.some((state) => state !== 'master'))
      throw new Error(`the sync group of ${name} is torn: ${states.join(' ')}`);
  }

  #expectOneMasterEach(): void {
    const first = this.#members[0];
    for (const { name: instance, addresses } of first?.settings.instances ?? []) {
      const masters = [...(this.#masters.get(instance) ?? [])];
      if (masters.length !== 1)
        throw new Error(`${instance} has ${masters.length} masters (${masters.join(', ')}) on a calm LAN`);
      for (const { name, computer } of this.#members) {
        const has = addresses.every(({ address }) => computer.installed.has(address));
        if (has !== masters.includes(name))
          throw new Error(
            `${name} ${has ? 'has' : 'lacks'} the addresses of ${instance}, its master is ${masters.join()}`,
          );
      }
      const settingsOf = ({ settings }: Member) => settings.instances.find((one) => one.name === instance);
      const all = this.#members.map(settingsOf);
      if (!all.every((one) => one?.preempt === true) || this.#grouped) continue;
      const highest = Math.max(...all.map((one) => one?.priority ?? 0));
      const master = this.#members.find(({ name }) => name === masters[0]);
      const priority = master === undefined ? undefined : settingsOf(master)?.priority;
      if (priority !== highest)
        throw new Error(
          `${instance}: ${masters.join()} with priority ${priority} is master, the highest is ${highest}`,
        );
    }
  }
}
