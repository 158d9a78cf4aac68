import { CommanderError } from 'commander';
import type { Answer, Command, Console, LocalCommand } from './command.ts';
import { Controller, findController, findGossip } from './connection.ts';
import { Failure, exitCodes } from './failure.ts';
import { type GlobalFlags, program } from './program.ts';
import { printable } from './text.ts';
import { version } from './version.ts';

function consoleFor(output: GlobalFlags['output']): Console {
  return {
    item: (data, text) => process.stdout.write(`${output === 'json' ? JSON.stringify(data) : printable(text)}\n`),
    progress: (text) => {
      if (output === 'table') process.stderr.write(`${printable(text)}\n`);
    },
    onInterrupt: (then) => {
      process.once('SIGINT', then);
      return () => process.off('SIGINT', then);
    },
  };
}

async function run(command: Command | LocalCommand, flags: GlobalFlags): Promise<void> {
  if ('runLocally' in command) {
    print(await command.runLocally(), flags);
    return;
  }
  const find = command.asks === 'gossip' || flags.agent !== undefined ? findGossip : findController;
  const controller = new Controller(find(flags, process.env));
  try {
    const answer = await command.run(controller, consoleFor(flags.output));
    print({ ...answer, text: printable(answer.text) }, flags);
  } finally {
    controller.close();
  }
}

function print(answer: Answer, { output }: GlobalFlags): void {
  const text = output === 'json' ? jsonText(answer.data) : answer.text;
  if (text !== '') process.stdout.write(`${text}\n`);
  process.exitCode = answer.exitCode ?? exitCodes.ok;
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
    process.stderr.write(`keepfleet: ${printable(error.message)}\n`);
    process.exitCode = error.exitCode;
  } else throw error;
}
