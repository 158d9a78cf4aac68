import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { UpOptions } from './arguments.ts';
import type { Fault } from './fault.ts';
import { createCertificates, type OperatorFiles } from './certificates.ts';
import { agentRunDirectory, controllerPorts, controllerService, nginxService } from './commands.ts';
import { Director } from './director.ts';
import { forwardService, openForward, type Forward } from './forward.ts';
import { commandEnvironment, writeHostFiles } from './host-files.ts';
import { describe, has } from './host-status.ts';
import { chooseKernel, guestMegabytes, memoryDirectory, usableCpus, type KernelChoice } from './kernel.ts';
import type { LabHost } from './lab-host.ts';
import { NamespaceHost } from './namespace-host.ts';
import { cpuOf, createSwitch, createTaps, partitionPorts, setPort } from './network.ts';
import { hostDirectory, labDirectory, paths, repository } from './paths.ts';
import {
  client,
  controllerHost,
  directorNamed,
  directors,
  hostNamed,
  hosts,
  portOf,
  serviceUrls,
  sharedPorts,
  virtualAddresses,
  webServers,
  type Host,
  type Interface,
} from './plan.ts';
import { removeRemains } from './remains.ts';
import type { LabStatus } from './status.ts';
import { interfaceUp } from './templates.ts';

/** From the start of the agents to the first answer; three times what an election at advert_int 2 and a check take. */
const serveMilliseconds = 240_000;

/** A stamp whose set-up ended earlier than this is of one that nobody started a lab after. */
const setupMilliseconds = 20_000;

export type Progress = (line: string) => void;

/** The lab itself, in the process that holds the lines to its directors. */
export class RunningLab {
  private readonly options: UpOptions;
  private readonly say: Progress;
  private readonly startedAt = new Date();
  private readonly phases: { name: string; milliseconds: number }[] = [];
  private readonly machines = new Map<string, LabHost>();
  private readonly forwards: Forward[] = [];
  private readonly partitions: { hosts: [string, string]; network: string; ports: [string, string][] }[] = [];
  /** By its words: whose link it is, and its port at the switch where that is what is down. */
  private readonly downLinks = new Map<string, { host: string; port: string | undefined }>();
  private choice: KernelChoice = { kernel: 'guests', why: '', ipvs: false };
  private operator: OperatorFiles | undefined;
  private state: LabStatus['state'] = 'starting';
  private firstAnswer: number | undefined;
  private setupBegan: number | undefined;
  /** Settles with the phase under way, however it ends. */
  private working: Promise<void> = Promise.resolve();

  constructor(options: UpOptions, say: Progress) {
    this.options = options;
    this.say = say;
  }

  /** Chooses how the directors run, and takes the lab's directory: from here on it can be found. */
  async prepare(): Promise<void> {
    this.checkAgents();
    this.choice = await chooseKernel(this.options.kernel);
    const { kernel, why } = this.choice;
    this.setupBegan = await takeSetupStamp();
    await mkdir(labDirectory, { recursive: true, mode: 0o700 });
    await this.announce();
    this.say(`directors run as ${kernel === 'guests' ? 'user-mode-linux guests' : 'namespaces'}: ${why}`);
  }

  /** Builds everything and resolves with the first answer through a virtual address; rejects when there is none. */
  async start(): Promise<void> {
    const { kernel } = this.choice;
    await this.phase('certificates and configuration', async () => {
      await writeHostFiles({ ...this.options, guests: kernel === 'guests' });
      this.operator = await createCertificates();
    });
    await this.phase('networks', async () => {
      await createSwitch();
      if (kernel === 'guests') for (const director of directors) await createTaps(director);
    });
    this.makeMachines();
    await this.phase('hosts', () => Promise.all([...this.machines.values()].map((machine) => machine.boot())));
    await this.phase('forwards', () => this.openForwards());
    await this.announce();
    if (!this.choice.ipvs || this.options.agents.length === 0) {
      // Nothing here can serve.
      this.state = 'ready';
    } else {
      await this.phase('first answer through a virtual address', () => this.awaitAnswer());
      this.firstAnswer = Date.now() - this.startedAt.getTime();
      this.state = 'ready';
      const setup = this.setupBegan === undefined ? '' : `, ${seconds(Date.now() - this.setupBegan)} with the set-up`;
      this.say(`serving after ${seconds(this.firstAnswer)}${setup}: ${serviceUrls.join(' and ')}`);
    }
    await this.announce();
  }

  machine(name: string): LabHost {
    const host = hostNamed(name);
    const machine = host === undefined ? undefined : this.machines.get(host.name);
    if (machine !== undefined) return machine;
    throw new Error(`there is no host "${name}"; there are ${hosts.map((each) => each.name).join(', ')}`);
  }

  async status(): Promise<LabStatus> {
    const all = await Promise.all([...this.machines.values()].map(async (machine) => describe(machine)));
    return {
      state: this.state,
      ...this.choice,
      startedAt: this.startedAt.toISOString(),
      phases: this.phases,
      ...(this.firstAnswer === undefined ? {} : { firstAnswerMilliseconds: this.firstAnswer }),
      owners: virtualAddresses.map(({ address }) => ({
        address,
        owners: all.filter(({ facts }) => has(facts, address)).map(({ status }) => status.name),
      })),
      hosts: all.map(({ status }) => status),
      faults: this.faults(),
      controller: { rest: `http://127.0.0.1:${this.port('rest')}`, api: `127.0.0.1:${this.port('api')}` },
    };
  }

  /** Returns one line that says what was done. */
  async fault(fault: Fault): Promise<string> {
    switch (fault.kind) {
      case 'kill':
        return this.kill(this.machine(fault.host), fault.target);
      case 'boot': {
        const machine = this.machine(fault.host);
        const from = Date.now();
        await machine.boot();
        // It has come up with all of them.
        for (const [link, { host }] of this.downLinks) if (host === machine.host.name) this.downLinks.delete(link);
        return `${machine.host.name} is up again, after ${seconds(Date.now() - from)}`;
      }
      case 'pause':
        await this.machine(fault.host).pause();
        return `${this.machine(fault.host).host.name} is frozen`;
      case 'resume':
        await this.machine(fault.host).resume();
        for (const { host, port } of this.downLinks.values())
          if (port !== undefined && host === this.machine(fault.host).host.name) await setPort(port, 'down');
        return `${this.machine(fault.host).host.name} goes on`;
      case 'link-down':
      case 'link-up':
        return this.link(this.machine(fault.host), fault.interface, fault.kind === 'link-up' ? 'up' : 'down');
      case 'partition': {
        const [a, b] = [this.machine(fault.hosts[0]).host, this.machine(fault.hosts[1]).host];
        const ports = sharedPorts(a, b, fault.network);
        if (ports.length === 0) {
          throw new Error(`${a.name} and ${b.name} share no network${fault.network ? ` ${fault.network}` : ''}`);
        }
        this.partitions.push({ hosts: [a.name, b.name], network: fault.network ?? 'all networks', ports });
        await partitionPorts(this.partitions.flatMap((each) => each.ports));
        return `${a.name} and ${b.name} are parted on ${fault.network ?? 'all networks'}`;
      }
      case 'heal': {
        this.partitions.length = 0;
        await partitionPorts([]);
        const left = this.faults();
        return `no partitions${left.length === 0 ? '' : `; still: ${left.join(', ')}`}`;
      }
    }
  }

  /** Takes everything down; safe at any moment. */
  async stop(): Promise<void> {
    this.state = 'stopping';
    for (const machine of this.machines.values()) {
      if (machine.state === 'dead' || (machine instanceof Director && this.choice.kernel !== 'guests')) continue;
      try {
        await machine.kill();
      } catch (error) {
        // What is left of it goes with its namespace, below.
        this.say(`${machine.host.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    // A phase that is cut short may still have something half made.
    await this.working;
    for (const forward of this.forwards) forward.server.close();
    await removeRemains();
  }

  private async phase(name: string, work: () => Promise<unknown>): Promise<void> {
    if (this.state === 'stopping') throw new Error('taken down while it started');
    const from = Date.now();
    const working = work();
    this.working = working.then(
      () => undefined,
      () => undefined,
    );
    await working;
    this.phases.push({ name, milliseconds: Date.now() - from });
    this.say(`${name}: ${seconds(Date.now() - from)}`);
  }

  private checkAgents(): void {
    if (this.options.agents === 'all') return;
    for (const name of this.options.agents) {
      if (directorNamed(name) === undefined) throw new Error(`--agents: "${name}" is none of L1, L2, L3`);
    }
  }

  private makeMachines(): void {
    const cpus = usableCpus();
    const memory = this.choice.kernel === 'guests' ? memoryDirectory(directors.length * guestMegabytes) : '';
    for (const host of directors) {
      const died = (how: string) => this.say(`${how}; see: npm run lab -- logs ${host.name}`);
      const settings = { host, kernel: this.choice.kernel, cpu: cpuOf(host, cpus), memory, died };
      this.machines.set(host.name, new Director(settings));
    }
    const environment = commandEnvironment(process.env['PATH'] ?? '');
    const add = (host: Host, services: ConstructorParameters<typeof NamespaceHost>[1]) =>
      this.machines.set(host.name, new NamespaceHost(host, services, environment));
    add(client, []);
    for (const host of webServers) add(host, [nginxService(hostDirectory(host))]);
    add(controllerHost, [
      controllerService(hostDirectory(controllerHost)),
      forwardService('rest', controllerPorts.rest),
      forwardService('api', controllerPorts.api),
    ]);
  }

  private async openForwards(): Promise<void> {
    this.forwards.push(await openForward('rest', this.options.port));
    this.forwards.push(await openForward('api', this.port('rest') + 1));
    this.say(`controller: REST http://127.0.0.1:${this.port('rest')}, fleet API 127.0.0.1:${this.port('api')}`);
  }

  private port(name: string): number {
    return this.forwards.find((forward) => forward.name === name)?.port ?? 0;
  }

  private async awaitAnswer(): Promise<void> {
    const deadline = Date.now() + serveMilliseconds;
    const machine = this.machine(client.name);
    const open = new Set<string>(serviceUrls);
    while (open.size > 0) {
      for (const url of [...open]) {
        const { code } = await machine.run(['curl', '-gsf', '-m', '1', '-o', '/dev/null', url]).outcome;
        if (code === 0) open.delete(url);
      }
      if (open.size === 0) return;
      if (Date.now() > deadline) {
        throw new Error(
          `${[...open].join(' and ')} did not answer within ${serveMilliseconds / 1000} s; ` +
            `the lab is up, and the agents' logs tell why: npm run lab -- logs L1 agent`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  private async kill(machine: LabHost, target: 'vrrp' | 'lvs' | 'control' | 'host'): Promise<string> {
    const { name, role } = machine.host;
    if (target === 'host') {
      await machine.kill();
      return `${name} lost its power`;
    }
    if (role !== 'director') throw new Error(`${name} has no process ${target}; only its whole host can be killed`);
    const file = `${agentRunDirectory}/${target}.pid`;
    const { code, stderr } = await machine.run(['sh', '-c', `kill -9 "$(cat ${file})"`]).outcome;
    if (code !== 0) throw new Error(`${target} of ${name} does not run: ${stderr.toString().trim()}`);
    return `${target} of ${name} was killed`;
  }

  private async link(machine: LabHost, name: string, to: 'up' | 'down'): Promise<string> {
    const { host } = machine;
    const found = host.interfaces.find((each) => each.name === name);
    if (found === undefined) {
      throw new Error(
        `${host.name} has no interface "${name}", only ${host.interfaces.map((each) => each.name).join(', ')}`,
      );
    }
    const inGuest = host.role === 'director' && this.choice.kernel === 'guests';
    if (inGuest) await this.linkInGuest(machine, found, to);
    else await setPort(portOf(host, found), to);
    const link = `${host.name}'s ${name} (${found.network})`;
    if (to === 'down') this.downLinks.set(link, { host: host.name, port: inGuest ? undefined : portOf(host, found) });
    else this.downLinks.delete(link);
    return `${link} is ${to}`;
  }

  /** A guest does not see its tap go down, so the interface goes down inside; the kernel drops its IPv6 addresses. */
  private async linkInGuest(machine: LabHost, on: Interface, to: 'up' | 'down'): Promise<void> {
    const lines = to === 'down' ? [`link set ${on.name} down`] : interfaceUp(on.name, on.addresses);
    const script = `printf '${lines.join('\\n')}\\n' | ip -batch -`;
    const { code, stderr } = await machine.run(['sh', '-c', script]).outcome;
    if (code !== 0) throw new Error(`${machine.host.name}: ${stderr.toString().trim()}`);
  }

  private faults(): string[] {
    return [
      ...[...this.machines.values()]
        .filter(({ state }) => state !== 'up')
        .map(({ host, state }) => `${host.name} is ${state}`),
      ...[...this.downLinks.keys()].map((link) => `${link} is down`),
      ...this.partitions.map(({ hosts: [a, b], network }) => `${a} and ${b} are parted on ${network}`),
    ];
  }

  /** Written aside and renamed: a reader sees all of it or nothing. */
  private async announce(): Promise<void> {
    const { operator } = this;
    const text = JSON.stringify(
      {
        pid: process.pid,
        state: this.state,
        startedAt: this.startedAt.toISOString(),
        ...this.choice,
        directory: labDirectory,
        socket: paths.socket,
        ...(this.forwards.length === 0
          ? {}
          : { fleetApi: `127.0.0.1:${this.port('api')}`, rest: `http://127.0.0.1:${this.port('rest')}` }),
        ...(operator === undefined
          ? {}
          : { certificates: { ca: operator.ca, certificate: operator.cert, key: operator.key } }),
      },
      null,
      2,
    );
    await writeFile(`${paths.discovery}.new`, text + '\n', { mode: 0o600 });
    await rename(`${paths.discovery}.new`, paths.discovery);
  }
}

/** When the set-up that led here began, if it had anything to do; told once. */
async function takeSetupStamp(): Promise<number | undefined> {
  const path = join(repository, '.lab/setup-times');
  if (!existsSync(path)) return undefined;
  const [began, ended = 0] = (await readFile(path, 'utf8')).split(' ').map(Number);
  await rm(path);
  return Date.now() - ended < setupMilliseconds ? began : undefined;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
