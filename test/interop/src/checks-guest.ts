import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PipeReader } from './checks-pipe.ts';
import { SERVER, VIP, cases, configuration, portOf } from './checks-plan.ts';

// Runs in a guest whose kernel has IPVS: the same configuration under keepalived and under the agent, and the pool that
// each of them makes of it over time. Prints one line of JSON about each.

const DIRECTORY = '/run/kf-checks';
const AGENT = join(import.meta.dirname, '../../../apps/node-agent/dist/main.js');
const SERVERS = join(import.meta.dirname, 'checks-servers.ts');
const LOOK_MS = 100;
/** From the start: long enough for every retry and every time limit of the plan on a slow machine. */
const SETTLED_MS = Number(process.argv[2] ?? 30_000);

const all = cases(DIRECTORY);
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const ip = (words: string) => execFileSync('ip', words.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] });

mkdirSync(DIRECTORY, { recursive: true });
writeFileSync(join(DIRECTORY, 'three'), '3\n');
execFileSync(
  'openssl',
  [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
    ...['-subj', '/CN=www.example', '-addext', 'subjectAltName=DNS:www.example'],
    ...['-keyout', join(DIRECTORY, 'key'), '-out', join(DIRECTORY, 'certificate')],
  ],
  { stdio: 'ignore' },
);
ip('link set lo up');
ip('netns add kf-checks');
ip('link add kf-checks type veth peer name eth0 netns kf-checks');
ip('link set kf-checks up');
ip(`address add ${SERVER.replace(/\d+$/, '1')}/24 dev kf-checks`);
ip(`address add ${VIP}/32 dev lo`);
ip('-n kf-checks link set lo up');
ip('-n kf-checks link set eth0 up');
ip(`-n kf-checks address add ${SERVER}/24 dev eth0`);
const servers = spawn('ip', ['netns', 'exec', 'kf-checks', process.execPath, SERVERS, DIRECTORY], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
await once(servers.stdout, 'data');

/** Weight of each case in the pool, or out. */
function pool(): Map<string, number | 'out'> {
  const table = execFileSync('ipvsadm', ['-Sn'], { encoding: 'utf8' });
  return new Map(
    all.map(({ name }, i) => {
      const weight = new RegExp(`-a -t ${VIP}:${portOf(i)} .* -w (\\d+)`).exec(table)?.[1];
      return [name, weight === undefined ? 'out' : Number(weight)];
    }),
  );
}

async function run(who: 'keepalived' | 'keepfleet', start: (file: string) => ChildProcess): Promise<void> {
  execFileSync('ipvsadm', ['-C']);
  const fifo = new PipeReader(join(DIRECTORY, 'fifo'));
  const file = join(DIRECTORY, `${who}.conf`);
  writeFileSync(file, configuration(all, DIRECTORY, who === 'keepfleet'));
  const child = start(file);
  const began = performance.now();
  // What counts begins when the services are there.
  while (!execFileSync('ipvsadm', ['-Sn'], { encoding: 'utf8' }).includes(`${VIP}:${portOf(0)}`)) {
    if (performance.now() - began > 180_000 || child.exitCode !== null) break;
    await sleep(LOOK_MS);
  }
  const from = performance.now();
  const before = new Map<string, number | 'out'>();
  const times: Record<string, number> = {};
  while (performance.now() - from < SETTLED_MS) {
    for (const [name, weight] of pool()) {
      if (before.get(name) === weight) continue;
      if (before.has(name)) times[name] = Math.round(performance.now() - from) / 1_000;
      before.set(name, weight);
    }
    await sleep(LOOK_MS);
  }
  const result = { who, pool: Object.fromEntries(pool()), times, fifo: fifo.lines() };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  child.kill('SIGTERM');
  await once(child, 'exit');
  fifo.close();
}

await run('keepalived', (file) =>
  spawn('keepalived', ['-n', '-C', '-l', '-f', file, '-p', `${file}.pid`, '-c', `${file}.lvs.pid`], {
    stdio: ['ignore', 'ignore', openSync(join(DIRECTORY, 'keepalived.log'), 'w')],
  }),
);
await run('keepfleet', (file) =>
  spawn(
    process.execPath,
    [AGENT, '--config', file, '--run-dir', join(DIRECTORY, 'agent'), '--state-dir', join(DIRECTORY, 'state')],
    { stdio: ['ignore', openSync(join(DIRECTORY, 'keepfleet.log'), 'w'), 'inherit'] },
  ),
);
servers.kill('SIGKILL');
process.exit();
