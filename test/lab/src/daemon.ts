import { appendFileSync, existsSync } from 'node:fs';
import { defaultOptions, type UpOptions } from './arguments.ts';
import { claim } from './claim.ts';
import { paths, labDirectory } from './paths.ts';
import { claimName } from './plan.ts';
import { isRecord, isTexts } from './protocol.ts';
import { remains, removeRemains, runningDaemon } from './remains.ts';
import { RunningLab, type Progress } from './running-lab.ts';
import { serveLab } from './server.ts';

/** One line that tells why a lab cannot be started here, or undefined. */
export function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'the lab makes namespaces and needs root: run it as root, or with sudo';
  const other = runningDaemon();
  if (other !== undefined) return `a lab runs already (process ${other}); end it: npm run lab -- down`;
  return undefined;
}

export interface StartedLab {
  lab: RunningLab;
  /** Rejects when the lab does not serve; it is up then all the same, to be looked at. */
  serving: Promise<void>;
  stop: () => Promise<void>;
}

/** Removes what a crashed run left, and starts a lab in this process. `ended` is called when it was taken down. */
export async function startLab(options: UpOptions, say: Progress, ended: () => void): Promise<StartedLab> {
  await claim(claimName);
  const stale = await remains();
  if (stale.length > 0) {
    say(`removing what a crashed lab left: ${stale.join(', ')}`);
    await removeRemains();
  }
  const lab = new RunningLab(options, say);
  let stopping: Promise<void> | undefined;
  const stop = () =>
    (stopping ??= lab.stop().then(() => {
      server.close();
      ended();
    }));
  await lab.prepare();
  const server = await serveLab(lab, stop);
  return { lab, serving: lab.start(), stop };
}

/** The lab of `up --detach`: the parent hears of its progress until it serves. */
export async function runDaemon(text: string): Promise<void> {
  const tell = (message: object) => {
    if (process.connected) process.send?.(message);
  };
  const say = (line: string) => {
    tell({ line });
    if (existsSync(labDirectory)) appendFileSync(paths.log, `${new Date().toISOString()} ${line}\n`);
  };
  const fail = (message: string) => {
    tell({ failed: message });
    process.exitCode = 1;
    if (process.connected) process.disconnect();
  };
  const reason = obstacle();
  if (reason !== undefined) return fail(reason);
  process.on('SIGHUP', () => say('SIGHUP is of no meaning to the lab'));
  let started: StartedLab;
  try {
    started = await startLab(parseOptions(text), say, () => process.exit(0));
  } catch (error) {
    return fail(textOf(error));
  }
  process.once('SIGTERM', () => void started.stop());
  process.once('SIGINT', () => void started.stop());
  try {
    await started.serving;
    tell({ ready: true });
  } catch (error) {
    say(textOf(error));
    tell({ failed: textOf(error) });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function parseOptions(text: string): UpOptions {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) throw new Error('the options are no object');
  const { delayLoop, agents, kernel, port } = value;
  return {
    detach: true,
    delayLoop: typeof delayLoop === 'number' ? delayLoop : defaultOptions.delayLoop,
    agents: isTexts(agents) ? agents : 'all',
    port: typeof port === 'number' ? port : defaultOptions.port,
    ...(kernel === 'guests' || kernel === 'namespaces' ? { kernel } : {}),
  };
}
