import type { CheckerSettings } from '@keepfleet/health';
import type { LvsEvent, LvsNotifySettings, LvsSettings, ScriptSettings, VirtualServerSettings } from '@keepfleet/ipvs';
import type { Log } from '../log.ts';
import { Fifo, type FifoSettings } from '../notify/fifo.ts';
import type { ScriptCommand } from '../scripts/index.ts';
import { groupRanks, realServerName, virtualServerName } from './names.ts';
import { NotifyScripts } from './notify-scripts.ts';

type Service = VirtualServerSettings<CheckerSettings>;

/** notify_up, notify_down, quorum_up, quorum_down, lvs_notify_fifo and notify_fifo: tells others what happens, and waits for nobody. */
export class Notifier {
  readonly #log: Log;
  readonly #scripts: NotifyScripts;
  #services = new Map<string, Service>();
  /** By the key of a service. */
  #ranks: ReadonlyMap<string, number> = new Map();
  #notify: LvsNotifySettings | undefined;
  #fifos: readonly Fifo[] = [];

  constructor(log: Log) {
    this.#log = log;
    this.#scripts = new NotifyScripts(log);
  }

  configure({ virtualServers, notify }: LvsSettings<CheckerSettings>): void {
    this.#services = new Map(virtualServers.map((service) => [service.key, service]));
    this.#ranks = groupRanks(virtualServers);
    this.#notify = notify;
    const before = this.#fifos;
    const key = (settings: FifoSettings) => JSON.stringify(settings);
    const wanted = this.#wantedFifos();
    const keys = new Set(wanted.map(key));
    for (const fifo of before) if (!keys.has(key(fifo.settings))) fifo.close();
    this.#fifos = wanted.map(
      (settings) => before.find((fifo) => key(fifo.settings) === key(settings)) ?? this.#open(settings),
    );
  }

  /** What stands in the way of scripts; empty when nothing does. */
  get problems(): readonly string[] {
    const { waiting, lost } = this.#scripts;
    return [
      // Without their number, which is another at each look.
      ...(waiting === 0 ? [] : ['notify scripts wait for others to end: too many run, do they end?']),
      ...(lost === 0 ? [] : [`${lost} notify scripts were not run since the start: too many ran and waited`]),
    ];
  }

  event(event: LvsEvent): void {
    switch (event.kind) {
      case 'real-server-up':
      case 'real-server-down':
        return this.server(event.service, event.server, event.kind === 'real-server-up');
      case 'quorum-gained':
      case 'quorum-lost':
        return this.quorum(event.service, event.kind === 'quorum-gained');
    }
  }

  server(service: string, server: string, up: boolean): void {
    const settings = this.#services.get(service);
    const real = settings?.realServers.find(({ key }) => key === server);
    if (settings === undefined || real === undefined) return;
    this.#run(up ? real.notifyUp : real.notifyDown);
    const name = realServerName(settings, real);
    this.#write(`RS ${name} ${this.#nameOf(settings)} ${up ? 'UP' : 'DOWN'}\n`);
  }

  quorum(service: string, up: boolean): void {
    const settings = this.#services.get(service);
    if (settings === undefined) return;
    this.#run(up ? settings.quorumUp : settings.quorumDown);
    this.#write(`VS ${this.#nameOf(settings)} ${up ? 'UP' : 'DOWN'}\n`);
  }

  /** Stands in the way of nobody: scripts that run are waited for a moment, and go on by themselves. */
  close(): void {
    this.#scripts.end();
    for (const fifo of this.#fifos) fifo.close();
    this.#fifos = [];
  }

  #nameOf(service: Service): string {
    return virtualServerName(service, this.#ranks.get(service.key));
  }

  #run(script: ScriptSettings | null): void {
    if (script !== null) this.#scripts.run(this.#commandOf(script));
  }

  #commandOf({ argv, user, group }: ScriptSettings): ScriptCommand {
    const named = user === null ? (this.#notify?.user ?? null) : { user, group };
    return { argv, user: named?.user ?? null, group: named?.group ?? null, secure: this.#notify?.secure ?? false };
  }

  #write(line: string): void {
    for (const fifo of this.#fifos) fifo.write(line);
  }

  #wantedFifos(): FifoSettings[] {
    const { fifo, commonFifo } = this.#notify ?? {};
    const common = commonFifo === undefined ? [] : [{ ...commonFifo, script: null, isShared: true as const }];
    if (fifo === undefined || fifo === null) return common;
    const { path, owner, script } = fifo;
    const own = { path, owner, script: script === null ? null : this.#commandOf(script) };
    return [...common.filter((one) => one.path !== path), own];
  }

  #open(settings: FifoSettings): Fifo {
    const fifo = new Fifo(settings, this.#log);
    fifo.open();
    return fifo;
  }
}
