import { spawn } from 'node:child_process';

/** A command of the machine that failed; `message` holds what it said. */
export class CommandError extends Error {
  readonly code: number | undefined;

  constructor(message: string, code: number | undefined, cause?: unknown) {
    super(message, { cause });
    this.name = 'CommandError';
    this.code = code;
  }
}

/** Runs a short command of the machine to its end and returns its output. */
export function command(program: string, argv: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    // In a group of its own: a Ctrl-C on the terminal is the lab's to act on, and must not end what takes it down.
    const child = spawn(program, argv, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', (error) => {
      reject(new CommandError(`${program} could not be started: ${error.message}`, undefined, error));
    });
    // A command that fails early does not read its input; its exit code tells.
    child.stdin.on('error', () => child.stdin.destroy());
    child.stdin.end(input);
    child.once('close', (code) => {
      if (code === 0) resolve(stdout);
      else {
        const said = (stderr || stdout).trim().split('\n').slice(-3).join('; ');
        reject(new CommandError(`${[program, ...argv].join(' ')}: ${said || `exit code ${code}`}`, code ?? undefined));
      }
    });
  });
}
