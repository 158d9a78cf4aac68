import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { AttributeWriter, Attributes, GenericNetlink, type GenericRequest } from '@keepfleet/linux';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { waitFor } from '@keepfleet/testkit';
import { ip, ipBytes } from '@keepfleet/wire';
import { type Size, type Table, changeOf, lastOf, servicesOf, tableOf } from './ipvs-sizes.ts';
import { percentile } from './table.ts';

/**
 * Runs in a guest whose kernel has IPVS: a size, such as 50x100, and who makes its table; a line of JSON. Each in a guest of its
 * own, for the kernel keeps removed servers for a minute and looks through them all at each new one.
 */
const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
const ROOT = '/run/kf-bench';
/** Options of Node that the control process starts its processes with. */
const AS_CONTROL_DOES = [
  '--max-semi-space-size=4',
  ...(availableParallelism() === 1 ? ['--single-threaded', '--min-semi-space-size=4'] : []),
];
const DEADLINE = 300_000;
/** Changes to a system call, as the lvs process sends them. */
const MESSAGES = 400;
/** Weights of the last server of all, one reload after another; the median of them counts. */
const WEIGHTS = [7, 8, 9, 10, 11];
const netlink = new GenericNetlink('IPVS');

/** IPVS_CMD_*, IPVS_CMD_ATTR_SERVICE and _DEST, IPVS_SVC_ATTR_*, IPVS_DEST_ATTR_* of linux/ip_vs.h. */
const [NEW_SERVICE, GET_SERVICE, NEW_DESTINATION, SET_DESTINATION, GET_DESTINATION, FLUSH] = [1, 4, 5, 6, 8, 17];
const [SERVICE, DESTINATION] = [1, 2];
const [FAMILY, PROTOCOL, ADDRESS, PORT, SCHEDULER, FLAGS, TIMEOUT, NETMASK] = [1, 2, 3, 4, 6, 7, 8, 9];
const [DESTINATION_ADDRESS, DESTINATION_PORT, FORWARDING, WEIGHT] = [1, 2, 3, 4];
const [UPPER_THRESHOLD, LOWER_THRESHOLD, DESTINATION_FAMILY] = [5, 6, 11];
const [AF_INET, TCP] = [2, 6];
const HTTP = Uint8Array.of(0, 80);
/** struct ip_vs_flags: the bits, and which of them are meant. */
const ALL_FLAGS_OFF = Uint8Array.of(0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff);

interface Times {
  readonly program: number;
  readonly change: number;
  readonly dump: number;
}

// Else who is first waits for the kernel to load it.
execFileSync('modprobe', ['-d', '/run/modules', 'ip_vs_wrr']);
const [size = '', program = ''] = process.argv.slice(2);
const [services = 0, servers = 0] = size.split('x').map(Number);
const programs: Readonly<Record<string, (table: Table) => Times | Promise<Times>>> = {
  ours,
  ipvsadm,
  kernel: kernelAlone,
  keepalived,
};
process.stdout.write(`${JSON.stringify(await programs[program]?.(tableOf({ services, servers })))}\n`);
process.exit();

async function ours(table: Table): Promise<Times & { readonly fromStart: number }> {
  const directory = join(ROOT, 'agent');
  mkdirSync(directory, { recursive: true });
  const started = performance.now();
  const child = logged(process.execPath, [...AS_CONTROL_DOES, AGENT, '--role', 'lvs', '--run-dir', directory]);
  let heard: (answer: Readonly<Record<string, unknown>>) => void = () => undefined;
  const socket = await waitFor(
    async () => {
      const candidate = connect(join(directory, 'lvs.sock'));
      await once(candidate, 'connect');
      return candidate;
    },
    { deadline: 60_000, what: 'the socket of the lvs process' },
  );
  createInterface(socket).on('line', (line) => {
    // Snapshots are long and say nothing here.
    if (!line.startsWith('{"type":"snapshot"')) heard(JSON.parse(line) as Readonly<Record<string, unknown>>);
  });
  const send = async (message: Readonly<Record<string, unknown>>, field: string): Promise<number> => {
    const text = `${JSON.stringify(message)}\n`;
    // Whoever looked for the answer again and again would take the only CPU from who works at it.
    const answered = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      const late = () => reject(new Error(`no answer about ${field} ${String(message[field])} in ${DEADLINE} ms`));
      const timer = setTimeout(late, DEADLINE);
      heard = (answer) => {
        if (answer[field] !== message[field]) return;
        clearTimeout(timer);
        resolve(answer);
      };
    });
    const start = performance.now();
    socket.write(text);
    const answer = await answered;
    const took = performance.now() - start;
    if (answer['type'] === 'refused') throw new Error(String(answer['reason']));
    return took;
  };
  const program = await send({ type: 'configure', revision: '1', settings: table.settings }, 'revision');
  const fromStart = performance.now() - started;
  expectTable(table);
  const changes: number[] = [];
  let base = '1';
  for (const weight of WEIGHTS) {
    const revision = `with weight ${weight}`;
    changes.push(await send({ type: 'configure', revision, base, settings: changeOf(table.size, weight) }, 'revision'));
    expectTable(tableOf(table.size, weight));
    base = revision;
  }
  const change = percentile(changes, 50);
  const command = { kind: 'connections', address: '192.0.2.1' };
  const dump = await send({ type: 'command', id: 'dump', command }, 'id');
  child.kill('SIGTERM');
  await once(child, 'exit');
  expectEmpty();
  return { program, change, dump, fromStart };
}

function ipvsadm(table: Table): Times {
  const program = timed(() =>
    execFileSync('ipvsadm', ['-R'], { input: table.saved, stdio: ['pipe', 'ignore', 'inherit'] }),
  );
  const { vip, server } = lastOf(table.size);
  const changes = WEIGHTS.map((weight) =>
    timed(() => execFileSync('ipvsadm', ['-e', '-t', `${vip}:80`, '-r', `${server}:80`, '-m', '-w', String(weight)])),
  );
  const dump = timed(() =>
    execFileSync('ipvsadm', ['-Sn'], { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  execFileSync('ipvsadm', ['-C']);
  return { program, change: percentile(changes, 50), dump };
}

/** From its start, or the signal, until the kernel has it. A dump is not to be had from it. */
async function keepalived(table: Table): Promise<Times> {
  mkdirSync(ROOT, { recursive: true });
  const file = join(ROOT, 'keepalived.conf');
  writeFileSync(file, table.keepalivedConf);
  const pid = (name: string) => join(ROOT, `${name}.pid`);
  let start = performance.now();
  const child = logged('keepalived', ['-n', '-C', '-G', '-l', '-f', file, '-p', pid('main'), '-c', pid('checkers')]);
  await lastServers(table.size, (weights) => weights.length === table.size.servers);
  const program = performance.now() - start;
  expectTable(table);
  const changes: number[] = [];
  for (const weight of WEIGHTS) {
    writeFileSync(file, tableOf(table.size, weight).keepalivedConf);
    start = performance.now();
    child.kill('SIGHUP');
    await lastServers(table.size, (weights) => weights.includes(weight));
    changes.push(performance.now() - start);
  }
  child.kill('SIGTERM');
  await once(child, 'exit');
  return { program, change: percentile(changes, 50), dump: NaN };
}

/** What nobody can be faster than: the same messages, made before, as many to a system call; the dump is not decoded. */
function kernelAlone(table: Table): Times {
  const services = servicesOf(table.size);
  const carryOut = (requests: readonly GenericRequest[]) =>
    timed(() => {
      const failures = netlink.carryOut(
        {
          count: requests.length,
          command: (index) => requests[index]?.command ?? 0,
          write: (bytes, index) => bytes.bytes(requests[index]?.attributes ?? new Uint8Array()),
          about: (index) => `request ${index}`,
        },
        MESSAGES,
      );
      for (const refused of failures.values()) throw refused;
    });
  const whole = services.flatMap(({ vip, servers }) => [
    { command: NEW_SERVICE, attributes: serviceAttributes(vip, true).finish() },
    ...servers.map((server) => destinationRequest(NEW_DESTINATION, vip, server, 1)),
  ]);
  const program = carryOut(whole);
  expectTable(table);
  const { vip, server } = lastOf(table.size);
  const changes = WEIGHTS.map((weight) => carryOut([destinationRequest(SET_DESTINATION, vip, server, weight)]));
  const lists = [
    { command: GET_SERVICE },
    ...services.map((service) => ({ command: GET_DESTINATION, attributes: serviceAttributes(service.vip).finish() })),
  ];
  const dump = timed(() => {
    for (const list of lists) netlink.dump(list);
  });
  netlink.request({ command: FLUSH });
  return { program, change: percentile(changes, 50), dump };
}

function destinationRequest(command: number, vip: string, server: string, weight: number): GenericRequest {
  const attributes = serviceAttributes(vip)
    .nested(DESTINATION, (destination) =>
      destination
        .bytes(DESTINATION_ADDRESS, unionAddress(server))
        .bytes(DESTINATION_PORT, HTTP)
        .u16(DESTINATION_FAMILY, AF_INET)
        .u32(FORWARDING, 0)
        .u32(WEIGHT, weight)
        .u32(UPPER_THRESHOLD, 0)
        .u32(LOWER_THRESHOLD, 0),
    )
    .finish();
  return { command, attributes };
}

/** What tells the service from others, or all of it. */
function serviceAttributes(vip: string, whole = false): AttributeWriter {
  return new AttributeWriter().nested(SERVICE, (service) => {
    service.u16(FAMILY, AF_INET).u16(PROTOCOL, TCP).bytes(ADDRESS, unionAddress(vip)).bytes(PORT, HTTP);
    if (whole) service.text(SCHEDULER, 'wrr').bytes(FLAGS, ALL_FLAGS_OFF).u32(TIMEOUT, 0).u32(NETMASK, 0xffffffff);
  });
}

function unionAddress(text: string): Uint8Array {
  const address = new Uint8Array(16);
  address.set(ipBytes(ip(text)));
  return address;
}

/** Looks at the last service alone, which is filled last: to read a whole table takes the only CPU from who fills it. */
function lastServers(size: Size, condition: (weights: readonly (number | undefined)[]) => boolean): Promise<unknown> {
  const attributes = serviceAttributes(lastOf(size).vip).finish();
  const look = () =>
    netlink
      .dump({ command: GET_DESTINATION, attributes })
      .map((reply) => new Attributes(reply.attributes).nested(DESTINATION)?.u32(WEIGHT));
  return waitFor(() => condition(look()), { deadline: DEADLINE, what: 'the table of keepalived', every: 5 });
}

function kernelLines(): string[] {
  return readFileSync('/proc/net/ip_vs', 'utf8')
    .split('\n')
    .filter((line) => /^TCP|->.* \d/.test(line));
}

function expectTable(table: Table): void {
  const lines = execFileSync('ipvsadm', ['-Sn'], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const sorted = (text: string) => text.trim().split('\n').sort().join('\n');
  if (sorted(lines) !== sorted(table.saved)) throw new Error('the kernel does not have what was asked for');
}

function expectEmpty(): void {
  if (kernelLines().length > 0) throw new Error('something is left in the table');
}

function timed(run: () => unknown): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

function logged(program: string, args: readonly string[]): ChildProcess {
  mkdirSync(ROOT, { recursive: true });
  const log = openSync(join(ROOT, 'log'), 'a');
  return spawn(program, args, { stdio: ['ignore', log, log] });
}
