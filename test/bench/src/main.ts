import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureBfd } from './bfd.ts';
import { measureChecks } from './checks.ts';
import { measureConfig } from './config.ts';
import { measureHandOver } from './failover.ts';
import { measureGossip, simulateGossip } from './gossip.ts';
import { measureIpvs } from './ipvs.ts';
import { INSTANCES, measureJitter } from './jitter.ts';
import { measureMemory } from './memory.ts';
import { measureSnmpLateness } from './snmp-lateness.ts';
import { SNMP_SIZES, measureSnmp, measureSnmpAlone } from './snmp.ts';
import { Stand, removeLeftovers } from './stand.ts';
import { measureStart } from './start.ts';
import { measureReload } from './reload.ts';
import { type Measure, formatTable } from './table.ts';

const HELP = `Usage: node test/bench/src/main.ts [options] [NAME...]

Measures keepfleet-agent beside keepalived (VRRP only) in network namespaces of this machine and prints a table.
Needs root, keepalived, tcpdump and a built agent (npm run build). It judges nothing.

  start     exec to the first advert on the wire
  failover  kill -9 and loss of the link of the master, to the first answer of the next one
  stop      gap at a client when the master is asked to end
  jitter    regularity of adverts, processor time and memory with 1, 64 and 255 instances
  jitter-snmp, jitter-checks
            the same while SNMP walks it all the time, and while it checks 2,000 servers every 2 s
  bfd       regularity of BFD packets every 10 and 50 ms, and the time until a cut is seen
  memory    memory of every process at rest
  config    161,800 lines read, checked and compared, beside keepalived -t
  reload    one weight of those changed, from SIGHUP until the kernel of a guest has it
  gossip    kill -9 of a member among 3, 10 and 32, beside serf and npm's swim; about eight minutes
  gossip-simulated  fleets of 100, 320 and 1,000 members in virtual time; about ten minutes
  ipvs      tables of 5,000 and 36,800 real servers in a guest: programming, one change, dump
  checks    2,000 and 10,000 checks each 5 s beside keepalived; about four minutes
  snmp      walks of 250 to 200,000 variables through snmpd, also beside a sub-agent that looks nothing up; about five minutes
  snmp-alone
            the same without snmpd, beside the npm package's agent; about two minutes
  snmp-adverts, snmp-frozen
            regularity of adverts while 20,000 variables are walked, and while snmpd is frozen for a minute

Without a NAME it measures all.

  --runs N  runs of start, failover and stop (default 10, at most 50)
  --instances N
            of jitter, jitter-snmp and jitter-checks only this number of instances, 1 to 255
  --sizes N[,N...]
            variables that snmp and snmp-alone walk (default ${SNMP_SIZES.join(',')}; multiples of 8, rounded down)
  --help    print this text
`;

const DEFAULT_RUNS = 10;
const MOST_RUNS = 50;
/** VRIDs of one interface. */
const MOST_INSTANCES = 255;
/** With the default number of runs. */
const LIMIT_MS = 14 * 60_000;
const FAILED = 1;
const WRONG_USE = 2;
const INTERRUPTED = 130;
const BUILT = fileURLToPath(new URL('../../../apps/node-agent/dist/main.js', import.meta.url));

const startedAt = Date.now();
const measures: Measure[] = [];
const notes: string[] = [];
const failures: string[] = [];

const report = {
  progress,
  measure: (measure: Measure) => void measures.push(measure),
  note: (text: string) => void notes.push(text),
};

type Part = (runs: number) => Promise<readonly Measure[]>;
const parts: Readonly<Record<string, Part>> = {
  start: (runs) => measureStart(runs, progress),
  failover: (runs) => measureHandOver('crash', runs, progress),
  stop: (runs) => measureHandOver('stop', runs, progress),
  jitter: () => measureJitter('rest', instances, progress),
  'jitter-snmp': () => measureJitter('snmp', instances, progress),
  'jitter-checks': () => measureJitter('checks', instances, progress),
  bfd: (runs) => measureBfd(runs, progress),
  config: (runs) => Promise.resolve(measureConfig(runs, progress)),
  reload: (runs) => measureReload(runs, progress),
  memory: async () => {
    const result = await measureMemory(progress);
    notes.push(...result.notes);
    return result.measures;
  },
  gossip: async () => {
    const result = await measureGossip(progress);
    notes.push(...result.notes);
    return result.measures;
  },
  'gossip-simulated': async () => {
    notes.push(...simulateGossip(progress));
    return [];
  },
  ipvs: () => measureIpvs(progress),
  checks: async () => {
    const result = await measureChecks(progress);
    notes.push(...result.notes);
    return result.measures;
  },
  snmp: async () => {
    await measureSnmp(sizes, report);
    return [];
  },
  'snmp-alone': async () => {
    await measureSnmpAlone(sizes, report);
    return [];
  },
  'snmp-adverts': () => measureSnmpLateness('walks', progress),
  'snmp-frozen': () => measureSnmpLateness('freeze', progress),
};

const { names, runs, instances, sizes } = readCommandLine();
const unfit = whyUnfit();
if (unfit !== undefined) leave(unfit, FAILED);
removeLeftovers();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    failures.push(`interrupted by ${signal}`);
    finish(INTERRUPTED);
  });
const limit = (LIMIT_MS * Math.max(runs, DEFAULT_RUNS)) / DEFAULT_RUNS;
setTimeout(() => {
  failures.push(`not everything was measured within ${limit / 60_000} minutes`);
  finish(FAILED);
}, limit).unref();

notes.push(
  `machine: ${availableParallelism()} CPUs, Linux ${release()}, node ${process.version}, ${keepalivedVersion()}`,
);
notes.push(`load average before: ${load()}`);
for (const name of names) {
  try {
    measures.push(...((await parts[name]?.(runs)) ?? []));
  } catch (error) {
    failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    progress(`${name} could not be measured: ${String(error)}`);
    Stand.closeAll();
  }
}
finish(failures.length === 0 ? 0 : FAILED);

function finish(exitCode: number): never {
  Stand.closeAll();
  notes.push(`load average after: ${load()} (the bench itself is part of it)`);
  process.stdout.write(`${formatTable(measures)}\n\n${notes.join('\n')}\n`);
  for (const failure of failures) process.stdout.write(`NOT MEASURED: ${failure}\n`);
  process.exit(exitCode);
}

function progress(text: string): void {
  process.stderr.write(`[${String(Math.round((Date.now() - startedAt) / 1_000)).padStart(3)} s] ${text}\n`);
}

function readCommandLine(): {
  readonly names: readonly string[];
  readonly runs: number;
  readonly instances: readonly number[];
  readonly sizes: readonly number[];
} {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        runs: { type: 'string', default: String(DEFAULT_RUNS) },
        instances: { type: 'string' },
        sizes: { type: 'string', default: SNMP_SIZES.join() },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return leave(error instanceof Error ? error.message : String(error), WRONG_USE);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const unknown = positionals.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined) leave(`there is no measurement ${unknown} (see --help)`, WRONG_USE);
  if (!/^\d+$/.test(values.runs) || Number(values.runs) < 1 || Number(values.runs) > MOST_RUNS)
    leave(`--runs wants a number from 1 to ${MOST_RUNS}, not ${values.runs}`, WRONG_USE);
  const { instances } = values;
  if (
    instances !== undefined &&
    (!/^\d+$/.test(instances) || Number(instances) < 1 || Number(instances) > MOST_INSTANCES)
  )
    leave(`--instances wants a number from 1 to ${MOST_INSTANCES}, not ${instances}`, WRONG_USE);
  if (!/^[1-9]\d{1,6}(,[1-9]\d{1,6})*$/.test(values.sizes))
    leave(`--sizes wants numbers from 10 to 9999999 with commas, not ${values.sizes}`, WRONG_USE);
  return {
    names: positionals.length === 0 ? Object.keys(parts) : positionals,
    runs: Number(values.runs),
    instances: instances === undefined ? INSTANCES : [Number(instances)],
    sizes: values.sizes.split(',').map(Number),
  };
}

function whyUnfit(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces want root: run it as root';
  if (!existsSync(BUILT)) return `there is no ${BUILT}: run npm run build first`;
  for (const [program, ...args] of [
    ['keepalived', '--version'],
    ['tcpdump', '--version'],
    ['ip', '-V'],
    ['bash', '--version'],
  ]) {
    try {
      execFileSync(program ?? '', args, { stdio: 'ignore' });
    } catch {
      return `${program ?? ''} is missing: install the packages keepalived, tcpdump, iproute2 and bash`;
    }
  }
  return undefined;
}

function leave(message: string, exitCode: number): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(exitCode);
}

function keepalivedVersion(): string {
  const { stdout, stderr } = spawnSync('keepalived', ['--version'], { encoding: 'utf8' });
  return /Keepalived v[\d.]+/.exec(stdout + stderr)?.[0].replace('Keepalived v', 'keepalived ') ?? 'keepalived unknown';
}

function load(): string {
  return loadavg()
    .map((value) => value.toFixed(2))
    .join(' ');
}
