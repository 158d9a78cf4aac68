import { join } from 'node:path';
import type { ExecResult, Lab, Running } from './lab.ts';
import { node, repository } from './paths.ts';
import { client } from './plan.ts';
import { parseShot, type Shot } from './load-main.ts';

export interface HttpAnswer {
  /** 0 when there was no answer. */
  status: number;
  body: string;
  /** Milliseconds. */
  took: number;
  /** curl's exit code and complaint when there was no answer. */
  failure?: string;
}

export interface LoadOptions {
  /** Requests a second over all URLs. Default: 50. */
  rate?: number;
  /** Milliseconds until a request has failed. Default: 5000. */
  timeout?: number;
}

/** The client C1: single requests by curl, and a steady load of new connections. */
export class LabClient {
  private readonly lab: Lab;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  /** One request on a connection of its own; no answer is an answer with status 0. */
  async get(url: string, { timeout = 5_000 } = {}): Promise<HttpAnswer> {
    const format = '\\n%{http_code} %{time_total}';
    const argv = ['curl', '-gsS', '-m', String(timeout / 1000), '-w', format, url];
    const { code, stdout, stderr } = await this.lab.exec(client.name, argv, { timeout: timeout + 5_000 });
    const cut = stdout.lastIndexOf('\n');
    const [status = 0, took = 0] = stdout
      .slice(cut + 1)
      .split(' ')
      .map(Number);
    const answer = { status, body: stdout.slice(0, cut), took: took * 1000 };
    return code === 0 ? answer : { ...answer, failure: stderr.trim() };
  }

  /** A load that goes on until it is stopped; it counts every request, and keeps those that failed. */
  load(urls: readonly string[], { rate = 50, timeout = 5_000 }: LoadOptions = {}): Load {
    const script = join(repository, 'test/lab/src/load-main.ts');
    const argv = [node, script, String(rate), String(timeout), ...urls];
    return new Load((listener) => this.lab.start(client.name, argv, {}, listener));
  }
}

export interface LoadResult {
  sent: number;
  answered: number;
  /** Answers by body, which is the name of the web server. */
  byServer: Record<string, number>;
  failed: Shot[];
}

export class Load {
  readonly shots: Shot[] = [];
  private readonly running: Running;
  private readonly ended: Promise<ExecResult | Error>;
  private complaints = '';

  constructor(start: (listener: (stream: 'stdout' | 'stderr', data: Buffer) => void) => Running) {
    let rest = '';
    this.running = start((stream, data) => {
      if (stream === 'stderr') {
        this.complaints += data.toString();
        return;
      }
      const lines = (rest + data.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.shots.push(parseShot(line));
    });
    // Its end may come long before somebody asks for it.
    this.ended = this.running.ended.catch((error: unknown) =>
      error instanceof Error ? error : new Error(String(error)),
    );
  }

  /** Stops sending, waits for the requests under way and sums up. */
  async stop(): Promise<LoadResult> {
    await this.running.signal('SIGTERM');
    const end = await this.ended;
    if (end instanceof Error) throw end;
    if (end.code !== 0) throw new Error(`the load ended with code ${end.code}: ${this.complaints.trim()}`);
    const byServer: Record<string, number> = {};
    for (const { body } of this.shots) if (body !== '') byServer[body] = (byServer[body] ?? 0) + 1;
    const failed = this.shots.filter(({ status }) => status !== 200);
    return { sent: this.shots.length, answered: this.shots.length - failed.length, byServer, failed };
  }
}
