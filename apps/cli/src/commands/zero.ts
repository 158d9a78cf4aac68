import { Metadata } from '@grpc/grpc-js';
import { local, toJson } from '@keepfleet/rpc';
import type { Answer, LocalCommand } from '../command.ts';
import { exitCodes } from '../failure.ts';
import { askAgent } from './reload.ts';

/** Sets counters of IPVS on this node to 0, through its agent. */
export class ZeroCommand implements LocalCommand {
  readonly #virtualServer: string;
  readonly #runDirectory: string;

  /** An empty key is every virtual server. */
  constructor(virtualServer: string, runDirectory: string) {
    this.#virtualServer = virtualServer;
    this.#runDirectory = runDirectory;
  }

  async runLocally(): Promise<Answer> {
    const request = { virtualServer: this.#virtualServer };
    const result = await askAgent<local.ZeroCountersResult>(this.#runDirectory, (client, options, done) =>
      client.zeroCounters(request, new Metadata(), options, done),
    );
    return {
      data: toJson(local.ZeroCountersResult, result),
      exitCode: result.done ? exitCodes.ok : exitCodes.failed,
      text: result.done ? `counters of ${this.#virtualServer || 'IPVS'} are 0` : `not done: ${result.detail}`,
    };
  }
}
