import { type Server, createServer } from 'node:http';
import { errorText } from '../error-text.ts';

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** A port that is taken may be free later. */
const LISTEN_AGAIN_MS = 10_000;

/** A client that neither asks nor reads is let go. */
const PATIENCE_MS = 10_000;
const MAX_CONNECTIONS = 32;

export interface MetricsOptions {
  readonly listen: { readonly address: string; readonly port: number };
  readonly text: () => string;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

/** Answers Prometheus at /metrics, and nobody anything else. */
export class MetricsServer {
  readonly #options: MetricsOptions;
  readonly #server: Server;
  #retry: NodeJS.Timeout | undefined;
  #trouble: string | undefined;
  #closed = false;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      const path = request.url?.split('?')[0];
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
      } else if (path !== '/metrics') {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('metrics are at /metrics\n');
      } else {
        const body = options.text();
        response.writeHead(200, { 'content-type': CONTENT_TYPE }).end(request.method === 'HEAD' ? undefined : body);
      }
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.requestTimeout = PATIENCE_MS;
    this.#server.headersTimeout = PATIENCE_MS;
    this.#server.setTimeout(PATIENCE_MS);
    this.#server.on('error', (error) => this.#failed(error));
    this.#server.on('listening', () => {
      this.#trouble = undefined;
      options.log.info(options.listen, 'Prometheus is answered at /metrics');
    });
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  start(): void {
    const { address, port } = this.#options.listen;
    if (!this.#closed) this.#server.listen({ host: address, port });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #failed(error: Error): void {
    const { address, port } = this.#options.listen;
    const trouble = `metrics: cannot listen at ${address} port ${port} (${errorText(error)}); tried again every ${LISTEN_AGAIN_MS / 1000} s`;
    if (trouble !== this.#trouble) this.#options.log.warn(this.#options.listen, trouble);
    this.#trouble = trouble;
    this.#retry = setTimeout(() => this.start(), LISTEN_AGAIN_MS);
  }
}
