import type { NotifyState, VrrpEvent, VrrpOutput } from './messages.ts';
import { notification } from './notifications.ts';
import type { VirtualRouterSettings } from './settings.ts';

/** What a router has put out since the last {@link Outbox.take}, in order. */
export class Outbox {
  #outputs: VrrpOutput[] = [];

  push(outputs: readonly VrrpOutput[]): void {
    this.#outputs.push(...outputs);
  }

  report(event: VrrpEvent): void {
    this.#outputs.push({ kind: 'event', event });
  }

  notify({ name, notify }: VirtualRouterSettings, state: NotifyState, priority: number): void {
    this.#outputs.push(notification({ type: 'INSTANCE', name, state, priority }, notify));
  }

  take(): VrrpOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }
}
