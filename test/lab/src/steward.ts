/**
 * The steward of a director: runs inside, keeps snmpd and the agent running, runs commands for the lab's daemon and
 * tells it facts that cost no process. It starts from /run/lab/steward.json.
 */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Service } from './commands.ts';
import { JsonLines } from './json-lines.ts';
import { Jobs } from './jobs.ts';
import { isRecord, isTextRecord, isTexts, parseStewardRequest, type StewardRequest } from './protocol.ts';
import { Supervisor } from './supervisor.ts';

export interface StewardSettings {
  services: Service[];
  /** The names of the services that are started at once. */
  start: string[];
  /** Directory of the agent's pid files. */
  runDirectory: string;
  logs: string;
  /** For the commands that are run here. */
  environment: Record<string, string>;
}

export interface Facts {
  /** Addresses of the interfaces that are up, by interface. */
  addresses: { interface: string; address: string }[];
  /** The text of /proc/net/ip_vs; empty without ip_vs. */
  ipvs: string;
  processes: { name: string; pid: number | undefined; alive: boolean }[];
  services: { name: string; pid: number | undefined; wanted: boolean; starts: number }[];
}

const agentProcesses = ['control', 'vrrp', 'lvs'];

export function runSteward(settings: StewardSettings, input: Readable, output: Writable): void {
  const supervisor = new Supervisor(settings.logs);
  for (const service of settings.services) supervisor.add(service);
  const lines: JsonLines = new JsonLines(input, output, (message) => {
    const request = parseStewardRequest(message);
    if (request === undefined) console.error(`not understood: ${JSON.stringify(message)}`);
    else void handle(request);
  });
  input.on('data', (chunk: Buffer) => {
    void lines.send({ id: 0, kind: 'event', event: 'taken', text: String(chunk.length) });
  });
  const jobs = new Jobs((reply) => lines.send(reply));

  async function handle(request: StewardRequest): Promise<void> {
    const { id } = request;
    try {
      switch (request.op) {
        case 'run':
          jobs.start({ ...request, environment: { ...settings.environment, ...request.environment } });
          return;
        case 'signal':
          return await lines.send({ id, kind: 'done', result: jobs.signal(request.job, request.signal) });
        case 'service':
          if (request.action === 'start') supervisor.start(request.name);
          else if (request.action === 'stop') await supervisor.stop(request.name);
          else await supervisor.restart(request.name);
          return await lines.send({ id, kind: 'done', result: null });
        case 'facts':
          return await lines.send({ id, kind: 'done', result: facts(settings.runDirectory, supervisor) });
      }
    } catch (error) {
      await lines.send({ id, kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
    }
  }

  // The agent needs snmpd's socket, and finds it by trying again: nothing waits here.
  for (const name of settings.start) supervisor.start(name);
  void lines.send({ id: 0, kind: 'event', event: 'ready', text: '' });
}

function facts(runDirectory: string, supervisor: Supervisor): Facts {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
    (all ?? []).map(({ address }) => ({ interface: name, address })),
  );
  return {
    addresses,
    ipvs: textOf('/proc/net/ip_vs'),
    processes: agentProcesses.map((name) => {
      const pid = Number.parseInt(textOf(join(runDirectory, `${name}.pid`)), 10);
      return { name, pid: Number.isNaN(pid) ? undefined : pid, alive: textOf(`/proc/${pid}/cmdline`) !== '' };
    }),
    services: supervisor.states(),
  };
}

/** Empty when the file is not there. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function parseStewardSettings(text: string): StewardSettings {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) throw new Error('the settings are no object');
  const { services, start, runDirectory, logs, environment } = value;
  if (!Array.isArray(services) || !isTexts(start) || !isTextRecord(environment))
    throw new Error('the settings lack services, start or environment');
  if (typeof runDirectory !== 'string' || typeof logs !== 'string') throw new Error('the settings lack directories');
  return { services: services.map(parseService), start, runDirectory, logs, environment };
}

function parseService(value: unknown): Service {
  if (!isRecord(value) || typeof value['name'] !== 'string' || !isTexts(value['argv']))
    throw new Error('a service lacks its name or command');
  const { name, argv, environment } = value;
  return { name, argv, ...(isTextRecord(environment) ? { environment } : {}) };
}

export function parseFacts(value: unknown): Facts {
  if (!isRecord(value) || typeof value['ipvs'] !== 'string') throw new Error('no facts');
  const records = (list: unknown) => (Array.isArray(list) ? list.filter(isRecord) : []);
  const count = (each: unknown) => (typeof each === 'number' ? each : undefined);
  return {
    addresses: records(value['addresses']).map((each) => ({
      interface: String(each['interface']),
      address: String(each['address']),
    })),
    ipvs: value['ipvs'],
    processes: records(value['processes']).map((each) => ({
      name: String(each['name']),
      pid: count(each['pid']),
      alive: each['alive'] === true,
    })),
    services: records(value['services']).map((each) => ({
      name: String(each['name']),
      pid: count(each['pid']),
      wanted: each['wanted'] === true,
      starts: count(each['starts']) ?? 0,
    })),
  };
}
