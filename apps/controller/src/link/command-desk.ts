import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { agent } from '@keepfleet/rpc';
import type { ClockWatch } from '../common/clock-watch.ts';
import { RefusedError } from '../common/refusal.ts';
import { Signal } from '../common/signal.ts';
import { CLOCK } from '../common/tokens.ts';

interface Entry {
  readonly node: string;
  command: agent.Command;
  result: agent.CommandResult | undefined;
}

type Send = (command: agent.Command) => void;

/**
 * Commands on their way to nodes. A command without a result is sent again whenever its node connects, until whoever
 * submitted it forgets it; agents answer an id that they carried out already with the same result.
 */
@Injectable()
export class CommandDesk {
  /** A result came. */
  readonly changes = new Signal();
  readonly #entries = new Map<string, Entry>();
  readonly #nodes = new Map<string, Send>();

  constructor(@Inject(CLOCK) clock: ClockWatch) {
    clock.subscribe((ms) => this.#shift(ms));
  }

  /** Sends the command if its node is there, else as soon as it is. An id that is known already changes nothing. */
  submit(node: string, command: agent.Command): void {
    if (this.#entries.has(command.id)) return;
    this.#entries.set(command.id, { node, command, result: undefined });
    this.#nodes.get(node)?.(command);
  }

  /** What a node answers to a question. Throws {@link RefusedError} where it does not, or says no. */
  async ask(
    node: string,
    actor: string,
    body: NonNullable<agent.Command['body']>,
    timeoutMs: number,
  ): Promise<agent.CommandResult> {
    const id = `ask-${randomUUID()}`;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      // Without a deadline: a node whose clock is wrong may be just what is to be found out.
      this.submit(node, { id, deadline: undefined, actor, reason: '', body });
      let result = this.result(id);
      while (result === undefined && (await this.changes.next(timeout))) result = this.result(id);
      const message =
        result === undefined
          ? `the agent of ${node} did not answer within ${timeoutMs / 1_000} s`
          : `${node}: ${result.detail}`;
      if (result?.done !== true) throw new RefusedError({ kind: 'unavailable', message });
      return result;
    } finally {
      this.forget(id);
    }
  }

  result(id: string): agent.CommandResult | undefined {
    return this.#entries.get(id)?.result;
  }

  /** Forgets all commands whose id begins so; those not sent yet never are. */
  forget(prefix: string): void {
    for (const id of [...this.#entries.keys()]) if (id.startsWith(prefix)) this.#entries.delete(id);
  }

  nodeConnected(node: string, send: Send): void {
    this.#nodes.set(node, send);
    for (const entry of this.#entries.values())
      if (entry.node === node && entry.result === undefined) send(entry.command);
  }

  /** The stream that sent so is gone; a newer one of the same node stays. */
  nodeDisconnected(node: string, send: Send): void {
    if (this.#nodes.get(node) === send) this.#nodes.delete(node);
  }

  /** Only the node that was asked can answer. */
  settle(node: string, result: agent.CommandResult): void {
    const entry = this.#entries.get(result.id);
    if (entry?.node !== node || entry.result !== undefined) return;
    entry.result = result;
    this.changes.raise();
  }

  #shift(ms: number): void {
    for (const entry of this.#entries.values()) {
      const { deadline } = entry.command;
      if (deadline !== undefined) entry.command = { ...entry.command, deadline: new Date(deadline.getTime() + ms) };
    }
  }
}
