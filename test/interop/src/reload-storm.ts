import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { seededRandom, waitFor } from '@keepfleet/testkit';
import { LvsStand, ipvsadm, kernelTable } from './lvs-stand.ts';
import { type StormPlan, editPlan, firstPlan, planText, planTable, planThresholds } from './reload-plan.ts';

/**
 * A storm of reloads, in a guest whose kernel has IPVS: a whole agent, a keepalived that would take over, a client that
 * asks without a pause. Each round edits the configuration at random and has the agent read it; then the kernel must be
 * what the file says. A line of JSON a round, and one at the end.
 */
const [rounds = 20, seed = 1] = process.argv.slice(2).map(Number);

const ROOT = '/run/kf-storm';
/** The built one starts many times faster, which a guest feels. */
const AGENT = join(import.meta.dirname, '../../../apps/node-agent');
const MAIN = [join(AGENT, 'dist/main.js'), join(AGENT, 'src/main.ts')].find(existsSync) ?? '';
const CONF = join(ROOT, 'keepalived.conf');
/** Everything of a round on a machine that has other things to do. */
const DEADLINE = 180_000;
const BROKEN_EVERY = 7;
/** An advert comes each 500 ms, and the peer waits for three and a part of one more: without one of them it waits so long. */
const PEER_PATIENCE_MS = 1_000;
/** keepalived's log has whole seconds. */
const NEAR_MS = 4_000;
/** How the word of a failure begins that says nothing of reloads. */
const STOOD_STILL = 'the guest stood still';

mkdirSync(join(ROOT, 'state'), { recursive: true });
writeFileSync(join(ROOT, 'agent.yaml'), 'node: storm\nsnmp:\n  enabled: false\n');
const random = seededRandom(seed);
const stand = new LvsStand();
const log: string[] = [];
const children: ChildProcess[] = [];
/** How long a process that does nothing was not let run, and when that ended. */
const gaps: { readonly at: number; readonly ms: number }[] = [];

stand.up([10, 11]);
let exitCode = 1;
try {
  const result = await storm();
  report({ done: true, ...result });
  exitCode = 0;
} catch (error) {
  // What held the guest up, if something did, tells whose fault it was.
  const late = log.filter((line) => line.includes('was served late')).slice(-10);
  report({ done: false, error: String(error), gaps: gaps.slice(-20), late, log: log.slice(-30) });
}
for (const child of children) child.kill('SIGKILL');
stand.down();
process.exit(exitCode);

async function storm() {
  let plan = firstPlan();
  write(planText(plan));
  const words = ['--config', CONF, '--agent-config', join(ROOT, 'agent.yaml')];
  const agent = start([
    process.execPath,
    MAIN,
    ...words,
    '--run-dir',
    join(ROOT, 'run'),
    '--state-dir',
    join(ROOT, 'state'),
  ]);
  await inForce(plan, 'the first configuration');
  await waitFor(() => states().includes('master'), { deadline: DEADLINE, what: 'our instance being master' });

  const peer = peerLog();
  await waitFor(() => peer().includes('Entering BACKUP STATE'), { deadline: DEADLINE, what: 'the peer as backup' });
  const load = clientLoad();
  witness();
  const before = states().length;
  const connectionsOf = () => /^TCP +198\.51\.100\.15:80 +(\d+)/m.exec(ipvsadm('-Ln', '--stats', '--exact'))?.[1];
  let connections = 0;
  let refused = 0;

  for (let round = 1; round <= rounds; round++) {
    const broken = round % BROKEN_EVERY === 0;
    const table = kernelTable();
    if (broken) write(`${planText(editPlan(plan, random))}vrrp_instance {\n`);
    else write(planText((plan = editPlan(plan, random))));
    const refusals = refusalCount();
    agent.kill('SIGHUP');
    if (broken) {
      await waitFor(() => refusalCount() > refusals, { deadline: DEADLINE, what: `the refusal of round ${round}` });
      assert.deepEqual(kernelTable(), table, `round ${round}: a file with an error changed the kernel`);
      refused++;
    } else await inForce(plan, `round ${round}`);
    // A service that is deleted and added begins to count anew.
    const now = Number(connectionsOf());
    assert.ok(now >= connections, `round ${round}: the unchanged service counted ${connections} and then ${now}`);
    connections = now;
    assert.equal(agent.exitCode, null, 'the agent is gone');
    nobodyTookOver(peer(), `round ${round}`);
    if (round % 10 === 0) report({ round });
  }

  const { answered, lost } = await load.end();
  assert.deepEqual(lost, [], 'requests were lost on a service that no edit touched');
  assert.ok(answered > rounds, `only ${answered} requests were answered`);
  assert.deepEqual(states().slice(before), [], 'our instances changed their state without a cause');
  nobodyTookOver(peer(), 'the end');
  return { rounds, refused, requests: answered, connections };
}

/** The peer misses adverts too when the whole guest stands still, which no reload can help. */
function nobodyTookOver(peerLines: string, when: string): void {
  const lines = peerLines.split('\n');
  const index = lines.findIndex((line) => line.includes('Entering MASTER STATE'));
  if (index < 0) return;
  const at = Date.parse(/^\w+ (\w+ +\d+ [\d:]+ \d+)/.exec(lines[index] ?? '')?.[1] ?? '');
  const gap = Math.max(0, ...gaps.filter((one) => Math.abs(one.at - at) < NEAR_MS).map(({ ms }) => ms));
  const what = `${when}: the peer took over: ${lines.slice(index - 3, index + 3).join(' / ')}`;
  assert.fail(gap >= PEER_PATIENCE_MS ? `${STOOD_STILL} for ${gap} ms; ${what}` : what);
}

/** Tells of each time that it could not run for long. */
function witness(): void {
  const script = `
    let last = Date.now();
    setInterval(() => {
      const now = Date.now();
      if (now - last > 300) console.log(JSON.stringify({ at: now, ms: now - last }));
      last = now;
    }, 50);`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  createInterface({ input: child.stdout }).on('line', (line) =>
    gaps.push(JSON.parse(line) as { at: number; ms: number }),
  );
}

function start(command: readonly string[]): ChildProcess {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      log.push(line);
    });
  return child;
}

function write(text: string): void {
  writeFileSync(CONF, text);
}

async function inForce(plan: StormPlan, what: string): Promise<void> {
  const [table, thresholds] = [planTable(plan), planThresholds(plan)];
  let seen: unknown;
  await waitFor(
    () => {
      const shown = ipvsadm('-Ln', '--thresholds')
        .split('\n')
        .flatMap((line) => {
          const match = /^ +-> +(\S+) +(\d+) +(\d+) /.exec(line);
          return match === null ? [] : [`${match[1]} ${match[2]} ${match[3]}`];
        });
      seen = { kernel: kernelTable(), shown: shown.sort() };
      return JSON.stringify(seen) === JSON.stringify({ kernel: table, shown: thresholds });
    },
    { deadline: DEADLINE, what },
  ).catch((error: unknown) => {
    throw new Error(
      `${String(error)}: the kernel has ${JSON.stringify(seen)} instead of ${JSON.stringify({ kernel: table, shown: thresholds })}`,
    );
  });
}

/** States that the agent's log tells of, in order. */
function states(): string[] {
  return log.flatMap((line) => (line.includes('"vrrp.state"') ? [/→ (\w+)/.exec(line)?.[1] ?? '?'] : []));
}

function refusalCount(): number {
  return log.filter((line) => line.includes('"config.refused"')).length;
}

/** keepalived on the client, which takes over as soon as it misses our adverts. */
function peerLog(): () => string {
  const [file, conf] = [join(ROOT, 'peer.log'), join(ROOT, 'peer.conf')];
  writeFileSync(file, '');
  writeFileSync(
    conf,
    'vrrp_instance STORM {\n version 3\n state BACKUP\n interface eth0\n virtual_router_id 51\n priority 100\n advert_int 0.5\n virtual_ipaddress {\n 198.51.100.20/24\n }\n}\n',
  );
  const pids = ['p', 'r', 'c', 'b'].flatMap((option) => [`-${option}`, join(ROOT, `peer-${option}.pid`)]);
  const words = [...stand.client, 'keepalived', '-n', '-l', '-P', '-f', conf, ...pids];
  const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  createInterface({ input: child.stderr }).on('line', (line) => {
    writeFileSync(file, `${line}\n`, { flag: 'a' });
  });
  return () => readFileSync(file, 'utf8');
}

/** Asks the unchanged service over and over, a new connection each time. */
function clientLoad(): { end(): Promise<{ answered: number; lost: string[] }> } {
  const script = `
    const http = require('node:http');
    let answered = 0, ending = false; const lost = [];
    process.on('SIGTERM', () => { ending = true; });
    const ask = () => {
      if (ending) { console.log(JSON.stringify({ answered, lost })); process.exit(); }
      const request = http.get({ host: '198.51.100.15', port: 80, agent: false, timeout: 20000 }, (response) => {
        response.resume();
        response.on('end', () => { if (response.statusCode === 200) answered++; else lost.push(String(response.statusCode)); setTimeout(ask, 20); });
      });
      request.on('timeout', () => request.destroy(new Error('no answer in 20 s')));
      request.on('error', (error) => { lost.push(error.message); setTimeout(ask, 20); });
    };
    ask();`;
  const words = [...stand.client, process.execPath, '-e', script];
  const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return {
    end: async () => {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
      return JSON.parse(output) as { answered: number; lost: string[] };
    },
  };
}

function report(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
