import { chmod } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { JsonLines } from './json-lines.ts';
import { paths } from './paths.ts';
import { isRecord, isServiceAction, isTexts, parseStewardRequest, type Reply } from './protocol.ts';
import { parseFault, type Fault } from './fault.ts';
import type { RunningLab } from './running-lab.ts';
import type { LabHost } from './lab-host.ts';

/** Serves the lab to verbs and tests over a UNIX socket. `stop` is called when one asks the lab to end. */
export async function serveLab(lab: RunningLab, stop: () => Promise<void>): Promise<Server> {
  const server = createServer((socket) => new Session(lab, stop, socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(paths.socket, resolve);
  });
  await chmod(paths.socket, 0o600);
  return server;
}

class Session {
  private readonly lab: RunningLab;
  private readonly stop: () => Promise<void>;
  private readonly lines: JsonLines;
  /** Commands under way, by the request that started them: they end with the connection. */
  private readonly jobs = new Map<number, { machine: LabHost; job: number }>();

  constructor(lab: RunningLab, stop: () => Promise<void>, socket: Socket) {
    this.lab = lab;
    this.stop = stop;
    this.lines = new JsonLines(socket, socket, (message) => void this.handle(message));
    socket.on('close', () => {
      for (const { machine, job } of this.jobs.values()) void this.quietly(machine.signal(job, 'SIGKILL'));
    });
  }

  private async handle(message: unknown): Promise<void> {
    if (!isRecord(message) || typeof message['id'] !== 'number') return;
    const { id } = message;
    try {
      const result = await this.answer(message, id);
      if (result !== undefined) await this.reply({ id, kind: 'done', result });
    } catch (error) {
      await this.reply({ id, kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
    }
  }

  /** Undefined when the answer has been given. */
  private async answer(message: Record<string, unknown>, id: number): Promise<unknown> {
    switch (message['op']) {
      case 'status':
        return this.lab.status();
      case 'fault':
        return this.lab.fault(readFault(message['fault']));
      case 'service': {
        const { name, action } = message;
        if (typeof name !== 'string' || !isServiceAction(action)) throw new Error('service needs a name and an action');
        const machine = this.machine(message);
        await machine.service(name, action);
        return `${name} of ${machine.host.name}: ${action} done`;
      }
      case 'down':
        await this.stop();
        return 'down';
      case 'signal': {
        const request = parseStewardRequest(message);
        if (request?.op !== 'signal') throw new Error('signal needs a job and a signal');
        const running = this.jobs.get(request.job);
        if (running !== undefined) await running.machine.signal(running.job, request.signal);
        return running !== undefined;
      }
      case 'run':
        await this.run(message, id);
        return undefined;
      default:
        throw new Error(`the lab knows no request "${String(message['op'])}"`);
    }
  }

  private async run(message: Record<string, unknown>, id: number): Promise<void> {
    const { argv, timeout } = message;
    if (!isTexts(argv) || argv.length === 0) throw new Error('run needs a command');
    const machine = this.machine(message);
    const milliseconds = typeof timeout === 'number' ? timeout : undefined;
    const { id: job, outcome } = machine.run(argv, milliseconds, (stream, data) => {
      void this.reply({ id, kind: 'output', stream, data: data.toString('base64') });
    });
    this.jobs.set(id, { machine, job });
    try {
      const { code, reason } = await outcome;
      await this.reply({ id, kind: 'exit', code, ...(reason === undefined ? {} : { reason }) });
    } finally {
      this.jobs.delete(id);
    }
  }

  private machine(message: Record<string, unknown>): LabHost {
    return this.lab.machine(typeof message['host'] === 'string' ? message['host'] : '');
  }

  private reply(reply: Reply): Promise<void> {
    return this.lines.send(reply);
  }

  /** The client has gone, and the host may be dead: there is nobody to tell. */
  private async quietly(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      console.error(`lab: a command could not be ended: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function readFault(value: unknown): Fault {
  const fault = parseFault(value);
  if (fault === undefined) throw new Error('not a fault the lab knows');
  return fault;
}
