import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { createInterface } from 'node:readline';

/** How long the process that checks takes to answer a word of its link, while it checks. */
export class Probe {
  readonly answers: number[] = [];
  readonly #socket: Socket;
  #ids = 0;
  #waiting: { readonly id: string; readonly done: () => void } | undefined;

  static async open(path: string): Promise<Probe> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new Probe(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    // Snapshots are long, and not parsed here.
    createInterface(socket).on('line', (line) => {
      if (line.startsWith('{"type":"done"') && line.includes(`"${this.#waiting?.id ?? ''}"`)) this.#waiting?.done();
    });
  }

  async ask(): Promise<void> {
    const id = `probe-${++this.#ids}`;
    const command = { kind: 'zero', service: 'nobody' };
    const start = performance.now();
    await new Promise<void>((done) => {
      this.#waiting = { id, done };
      this.#socket.write(`${JSON.stringify({ type: 'command', id, command })}\n`);
    });
    this.answers.push(performance.now() - start);
  }
}
