import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Cap of one line; output of commands travels in pieces far below it. */
const maxLineCharacters = 4 * 1024 * 1024;

/** JSON texts, one a line, over any pair of streams. What is no JSON text is handed to `noise`. */
export class JsonLines {
  private readonly output: Writable;

  constructor(
    input: Readable,
    output: Writable,
    receive: (message: unknown) => void,
    noise: (line: string) => void = () => {},
  ) {
    this.output = output;
    const decoder = new StringDecoder('utf8');
    let rest = '';
    input.on('data', (chunk: Buffer) => {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > maxLineCharacters) {
        noise(`a line of more than ${maxLineCharacters} characters`);
        rest = '';
      }
      for (const line of lines) {
        if (line.trim() === '') continue;
        const message = parse(line);
        if (message === undefined) noise(line);
        else receive(message);
      }
    });
    // A peer that went away is seen as the end of its stream; writing to it meanwhile is no fault.
    input.on('error', () => input.destroy());
    output.on('error', () => output.destroy());
  }

  /** Resolves when the message is on its way and more may be sent. */
  async send(message: object): Promise<void> {
    if (this.output.destroyed || this.output.write(JSON.stringify(message) + '\n')) return;
    await Promise.race([once(this.output, 'drain'), once(this.output, 'close')]);
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
