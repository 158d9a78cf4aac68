import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { UpOptions, Verb } from './arguments.ts';
import { usage } from './arguments.ts';
import { obstacle } from './daemon.ts';
import { watchLab } from './foreground.ts';
import { Lab, startDaemon, takeDown } from './lab.ts';
import { logDirectory } from './paths.ts';
import { hostNamed, hosts } from './plan.ts';
import { statusText, suggestions } from './screen.ts';

/** Runs one verb of the command line; returns the exit code. */
export async function runVerb(verb: Verb): Promise<number> {
  try {
    switch (verb.verb) {
      case 'help':
        print(usage);
        return 0;
      case 'up':
        return await up(verb.options);
      case 'down':
        return await down();
      case 'logs':
        return await logs(verb.host, verb.log, verb.follow);
      default:
        return await withLab(verb);
    }
  } catch (error) {
    process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function up(options: UpOptions): Promise<number> {
  const reason = obstacle();
  if (reason !== undefined) throw new Error(reason);
  if (!options.detach) return watchLab(options);
  await startDaemon(options, print);
  print(`the lab is up; try:\n${suggestions.map((line) => `  ${line}`).join('\n')}\n  npm run lab -- down`);
  return 0;
}

async function down(): Promise<number> {
  const found = await takeDown();
  print(found.length === 0 ? 'there was no lab' : 'the lab is down; nothing of it is left');
  return 0;
}

async function withLab(
  verb: Exclude<Verb, { verb: 'up' } | { verb: 'down' } | { verb: 'logs' } | { verb: 'help' }>,
): Promise<number> {
  const lab = await Lab.attach();
  try {
    switch (verb.verb) {
      case 'status': {
        const status = await lab.status();
        print(verb.json ? JSON.stringify(status, null, 2) : statusText(status).join('\n'));
        return 0;
      }
      case 'exec':
        return await exec(lab, verb);
      case 'service':
        print(await lab.service(verb.host, verb.name, verb.action));
        return 0;
      case 'fault':
        print(await lab.fault(verb.fault));
        return 0;
    }
  } finally {
    lab.close();
  }
}

async function exec(lab: Lab, { host, argv, timeout }: Extract<Verb, { verb: 'exec' }>): Promise<number> {
  const options = timeout === undefined ? {} : { timeout: timeout * 1000 };
  const running = lab.start(host, argv, options, (stream, data) => {
    if (stream === 'stdout') process.stdout.write(data);
    else process.stderr.write(data);
  });
  const interrupt = () => void running.signal('SIGINT');
  process.on('SIGINT', interrupt);
  try {
    const { code, stderr } = await running.ended;
    process.stderr.write(stderr);
    return code;
  } finally {
    process.off('SIGINT', interrupt);
  }
}

async function logs(name: string, log: string | undefined, follow: boolean): Promise<number> {
  const host = hostNamed(name);
  if (host === undefined) throw new Error(`no host "${name}"; there are ${hosts.map((each) => each.name).join(', ')}`);
  const directory = logDirectory(host);
  if (!existsSync(directory)) throw new Error('no lab has been started on this machine, or it is down');
  const files = readdirSync(directory).filter(
    (file) => file.endsWith('.log') && (log === undefined || file === `${log}.log`),
  );
  if (files.length === 0) {
    throw new Error(`${host.name} has no log "${log}", only ${readdirSync(directory).join(', ') || 'none at all'}`);
  }
  const argv = ['-n', '+1', ...(follow ? ['-F'] : []), ...files.map((file) => join(directory, file))];
  const child = spawn('tail', argv, { stdio: 'inherit' });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 0)));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
