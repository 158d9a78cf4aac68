import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import packageFile from '../package.json' with { type: 'json' };
import { type CommandLine, type ConfigTestLine, HELP, parseCommandLine } from './command-line.ts';
import type { RoleOptions } from './options.ts';
import { outliveStraySignals } from './stray-signals.ts';

const FAILED = 1;
const WRONG_USE = 2;
const ALREADY_RUNNING = 3;

/** By then a role has loaded what it ever will. */
const FLUSH_AFTER_MS = 10_000;

type Run = Extract<CommandLine, { kind: 'run' }>;

const command = parseCommandLine(process.argv.slice(2));
switch (command.kind) {
  case 'help':
    process.stdout.write(HELP);
    break;
  case 'version':
    process.stdout.write(`keepfleet-agent ${packageFile.version}\n`);
    break;
  case 'mistake':
    fail(command.message, WRONG_USE);
    break;
  case 'check': {
    const { checkConfiguration } = await import('./control/check.ts');
    const { usable, lines } = checkConfiguration(command.paths.config);
    process.stdout.write(`${lines.join('\n')}\n`);
    if (!usable) process.exitCode = FAILED;
    break;
  }
  case 'config-test': {
    // The process ends before V8's last compiler has won back what it takes: of a large file a fifth of the processor time.
    setFlagsFromString('--no-turbofan');
    const { configTestText, testConfiguration } = await import('./control/config-test.ts');
    const test = await testConfiguration(command.file, command);
    tell(command, command.json ? `${JSON.stringify(test, undefined, 2)}\n` : configTestText(test));
    process.exitCode ??= test.exitCode;
    break;
  }
  case 'dump-conf':
  case 'host-facts': {
    const { readConfiguration, diagnosticLines } = await import('./control/configuration.ts');
    const reading = readConfiguration(command.file, command);
    if (!reading.ok) {
      fail([...diagnosticLines(reading.diagnostics), reading.reason].join('\n'), FAILED);
      break;
    }
    const { config } = reading.configuration;
    if (command.kind === 'dump-conf') {
      const { dumpConfiguration } = await import('./control/config-test.ts');
      tell(command, command.json ? `${JSON.stringify(config, undefined, 2)}\n` : dumpConfiguration(config));
    } else {
      const { gatherHostFacts } = await import('./control/host-facts.ts');
      tell(command, `${JSON.stringify(await gatherHostFacts(config), undefined, 2)}\n`);
    }
    break;
  }
  case 'language': {
    const { describeLanguage } = await import('@keepfleet/config');
    process.stdout.write(`${JSON.stringify(describeLanguage(), undefined, 2)}\n`);
    break;
  }
  case 'run':
    try {
      await run(command);
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error), isInUse(error) ? ALREADY_RUNNING : FAILED);
      // A half-started role may hold timers and sockets.
      process.exit();
    }
}

/** Each role is loaded by itself: the vrrp process holds no line of gRPC, gossip or SNMP. */
async function run({ role, paths }: Run): Promise<void> {
  const { createLog } = await import('./log.ts');
  const log = createLog(role, 'info', role === 'control' ? undefined : paths.runDirectory);
  outliveStraySignals(role, log);
  makeRunDirectory(paths.runDirectory);
  // Compiled code of the last start: the vrrp process speaks the sooner. About 200 KB in the run directory.
  enableCompileCache(join(paths.runDirectory, 'compile-cache'));
  // Node itself writes it at a clean exit only.
  setTimeout(flushCompileCache, FLUSH_AFTER_MS).unref();
  const options: RoleOptions = { ...paths, version: packageFile.version, log };
  switch (role) {
    case 'control': {
      const { nameProcess } = await import('@keepfleet/linux');
      nameProcess('keepfleet-agent');
      return (await import('./control/index.ts')).runControl(options);
    }
    case 'vrrp':
      return (await import('./vrrp/index.ts')).runVrrp(options);
    case 'lvs':
      if (availableParallelism() === 1) optimiseLate();
      return (await import('./lvs/index.ts')).runLvs(options);
    case 'bfd':
      return (await import('./bfd/index.ts')).runBfd(options);
  }
}

/**
 * One processor does what V8's last compiler does and all else too, one after the other: it takes 25 ms for a function that
 * thousands of servers wait for and will not need again. What is called for ever is still compiled, by its 100,000th call.
 */
function optimiseLate(): void {
  setFlagsFromString('--invocation-count-for-turbofan=100000');
  setFlagsFromString('--invocation-count-for-osr=20000');
}

function makeRunDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `the run directory ${path} cannot be used (${reason}): run as root, make it writable, or give another --run-dir`,
      { cause: error },
    );
  }
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'in-use';
}

/** To stdout, or into the file that was asked for. */
function tell({ messages }: ConfigTestLine, text: string): void {
  if (messages === undefined) process.stdout.write(text);
  else {
    try {
      writeFileSync(messages, text);
    } catch (error) {
      fail(`the messages cannot be written: ${error instanceof Error ? error.message : String(error)}`, FAILED);
    }
  }
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`keepfleet-agent: ${message}\n`);
  process.exitCode = exitCode;
}
