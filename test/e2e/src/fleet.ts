import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Lab } from '@keepfleet/test-lab';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `bin/keepfleet WORDS`, as a person types it: it finds the running lab by itself. */
export function keepfleet(...words: string[]): Promise<CliResult> {
  return new Promise((resolve) => {
    execFile(`${repository}bin/keepfleet`, words, { timeout: 240_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

export interface FleetEvent {
  readonly position: number;
  readonly node: string;
  readonly sequence: number;
  readonly kind: string;
  readonly subject: string;
  readonly message: string;
  readonly attributes: Record<string, string>;
}

export interface Candidate {
  readonly node: string;
  readonly freshness: string;
  readonly ageMs: number;
  readonly router?: { readonly state: string; readonly effectivePriority: number; readonly lastResort: boolean };
}

export interface FleetNode {
  readonly name: string;
  readonly connected: boolean;
  readonly freshness: string;
  readonly ageMs: number;
  readonly gossip: string;
  readonly gossipSources: string[];
  readonly processes: { readonly role: string; readonly pid: number; readonly residentBytes: number }[];
  readonly overrides: unknown[];
  readonly problems: string[];
}

export interface FleetRouter {
  readonly key: string;
  readonly owner: string;
  readonly health: string;
  readonly reason: string;
  readonly candidates: Candidate[];
}

export interface FleetService {
  readonly key: string;
  readonly leftOut: string[];
  readonly realServers: {
    readonly key: string;
    readonly up: number;
    readonly of: number;
    readonly weights: number[];
  }[];
}

/** The controller's REST interface, read as any program would. */
export class Rest {
  readonly #base: string;

  constructor(base: string) {
    this.#base = base;
  }

  static async of(lab: Lab): Promise<Rest> {
    return new Rest((await lab.status()).controller.rest);
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#base}${path}`, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    // The shapes are those of the committed openapi.json; the tests look only at what they name.
    return (await response.json()) as T;
  }

  async nodes(): Promise<FleetNode[]> {
    return (await this.get<{ nodes: FleetNode[] }>('/v1/nodes')).nodes;
  }

  async node(name: string): Promise<FleetNode> {
    const found = (await this.nodes()).find((node) => node.name === name);
    if (found === undefined) throw new Error(`the controller knows no node ${name}`);
    return found;
  }

  async router(): Promise<FleetRouter> {
    const [router] = (await this.get<{ routers: FleetRouter[] }>('/v1/routers')).routers;
    if (router === undefined) throw new Error('the controller knows no virtual router');
    return router;
  }

  async services(): Promise<FleetService[]> {
    return (await this.get<{ services: FleetService[] }>('/v1/services')).services;
  }

  /** Every event that the node itself has told, oldest first; what the controller notes about the node is left out. */
  async events(node: string, kind = ''): Promise<FleetEvent[]> {
    const all: FleetEvent[] = [];
    for (;;) {
      const after = all.at(-1)?.position ?? 0;
      const page = await this.get<{ events: FleetEvent[] }>(
        `/v1/events?after=${after}&limit=1000&node=${node}&kind=${kind}`,
      );
      all.push(...page.events);
      if (page.events.length === 0)
        return all.filter((event) => !/^(controller|events|link|operation)\./.test(event.kind));
    }
  }
}
