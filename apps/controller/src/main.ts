import 'reflect-metadata';
import { pino } from 'pino';
import { helpText, parseOptions } from './options.ts';
import { startController, StartError } from './start.ts';
import { version } from './version.ts';

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
/** Bytes of log that wait for whoever reads it; what comes on top is lost. */
const MOST_LOG_WAITING = 1024 * 1024;

const invocation = parseOptions(process.argv.slice(2), process.env);
if (!invocation.ok) {
  for (const mistake of invocation.error) process.stderr.write(`keepfleet-controller: ${mistake}\n`);
  process.exit(EXIT_USAGE);
}
switch (invocation.value.kind) {
  case 'help':
    process.stdout.write(helpText);
    break;
  case 'version':
    process.stdout.write(`keepfleet-controller ${version}\n`);
    break;
  case 'run':
    await run(invocation.value.options);
}

async function run(options: Parameters<typeof startController>[0]): Promise<void> {
  // Written by another thread: a pipe that nobody reads holds up neither the agents nor the operators.
  const sink = pino.destination({ fd: 2, sync: false, maxLength: MOST_LOG_WAITING });
  sink.on('error', () => {
    // A full disk ends no controller; what waits is tried again with the next line.
  });
  const log = pino(
    {
      level: options.logLevel,
      base: { controller: options.name },
      errorKey: 'error',
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
    },
    sink,
  );
  try {
    const controller = await startController(options, { log });
    let stopping = false;
    const stop = (signal: NodeJS.Signals) => {
      if (stopping) process.exit(EXIT_FAILURE);
      stopping = true;
      log.info({ signal }, 'stopping');
      controller.close().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ error }, 'did not stop in order');
          process.exit(EXIT_FAILURE);
        },
      );
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    process.stderr.write(`keepfleet-controller: ${error.message}\n`);
    process.exit(EXIT_FAILURE);
  }
}
