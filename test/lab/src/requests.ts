import { parseReply, type Reply } from './protocol.ts';

export interface Outcome {
  code: number;
  stdout: Buffer;
  stderr: Buffer;
  /** Why there is no exit code of the command's own: it timed out, could not start, or its host died. */
  reason?: string;
}

export type Listener = (stream: 'stdout' | 'stderr', data: Buffer) => void;

/** The asking side of the lab's protocol: gives every request an id and joins the replies to it. */
export class Requests {
  private readonly send: (message: object) => void;
  private readonly waiting = new Map<number, (reply: Reply) => void>();
  private nextId = 1;

  constructor(send: (message: object) => void) {
    this.send = send;
  }

  /** Feeds a message of the peer in; returns what is no answer. */
  receive(message: unknown): Reply | undefined {
    const reply = parseReply(message);
    if (reply === undefined) return undefined;
    const waiter = this.waiting.get(reply.id);
    if (waiter === undefined) return reply;
    waiter(reply);
    return undefined;
  }

  /** Answers everything that still waits. */
  end(reason: string): void {
    for (const [id, waiter] of [...this.waiting]) waiter({ id, kind: 'failed', reason });
  }

  ask(request: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, (reply) => {
        if (reply.kind !== 'done' && reply.kind !== 'failed') return;
        this.waiting.delete(id);
        if (reply.kind === 'done') resolve(reply.result);
        else reject(new Error(reply.reason));
      });
      this.send({ ...request, id });
    });
  }

  /** Runs a command at the peer. Its failure is an outcome; only a command that could not be tried rejects. */
  run(request: object, listener?: Listener): { id: number; outcome: Promise<Outcome> } {
    const id = this.nextId++;
    const outcome = new Promise<Outcome>((resolve, reject) => {
      const pieces: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
      this.waiting.set(id, (reply) => {
        switch (reply.kind) {
          case 'output': {
            const data = Buffer.from(reply.data, 'base64');
            if (listener === undefined) pieces[reply.stream].push(data);
            else listener(reply.stream, data);
            return;
          }
          case 'exit':
            this.waiting.delete(id);
            resolve({
              code: reply.code,
              stdout: Buffer.concat(pieces.stdout),
              stderr: Buffer.concat(pieces.stderr),
              ...(reply.reason === undefined ? {} : { reason: reply.reason }),
            });
            return;
          case 'failed':
            this.waiting.delete(id);
            reject(new Error(reply.reason));
            return;
          case 'done':
          case 'event':
            return;
        }
      });
      this.send({ ...request, op: 'run', id });
    });
    return { id, outcome };
  }
}
