import { CommanderError } from 'commander';
import type { Command, Console } from './command.ts';
import { Controller, findController, findGossip } from './connection.ts';
import { Failure, exitCodes } from './failure.ts';
import { type GlobalFlags, program } from './program.ts';
import { version } from './version.ts';

function consoleFor(output: GlobalFlags['output']): Console {
  return {
    item: (data, text) => process.stdout.write(`${output === 'json' ? JSON.stringify(data) : text}\n`),
    progress: (text) => {
      if (output === 'table') process.stderr.write(`${text}\n`);
    },
    onInterrupt: (then) => {
      process.once('SIGINT', then);
      return () => process.off('SIGINT', then);
    },
  };
}

async function run(command: Command, flags: GlobalFlags): Promise<void> {
  const find = command.asks === 'gossip' || flags.agent !== undefined ? findGossip : findController;
  const controller = new Controller(find(flags, process.env));
  try {
    const answer = await command.run(controller, consoleFor(flags.output));
    const text = flags.output === 'json' ? jsonText(answer.data) : answer.text;
    if (text !== '') process.stdout.write(`${text}\n`);
    process.exitCode = answer.exitCode ?? exitCodes.ok;
  } finally {
    controller.close();
  }
}

function jsonText(data: unknown): string {
  return data === undefined ? '' : JSON.stringify(data, undefined, 2);
}

/** Help and version are no errors; commander has written its own message for what is one. */
function exitCodeOf(error: CommanderError): number {
  return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
}

// A reader that has seen enough, as `head`, is no fault; a full disk is.
process.stdout.on('error', (error) => {
  if ('code' in error && error.code === 'EPIPE') process.exit(exitCodes.ok);
  process.stderr.write(`keepfleet: the answer cannot be written: ${error.message}\n`);
  process.exit(exitCodes.failed);
});

try {
  await program(version, run).parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = exitCodeOf(error);
  else if (error instanceof Failure) {
    process.stderr.write(`keepfleet: ${error.message}\n`);
    process.exitCode = error.exitCode;
  } else throw error;
}
