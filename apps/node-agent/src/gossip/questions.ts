import { millis } from '@keepfleet/machine';
import type { SwimInput, SwimOutput, Tags } from '@keepfleet/swim';
import { hex } from '@keepfleet/wire';

export interface Question {
  readonly name: string;
  readonly payload?: Uint8Array;
  /** Members say at once that they have received it. */
  readonly acknowledge?: boolean;
  /** So many others carry each answer too. */
  readonly relayFactor?: number;
  readonly names?: readonly string[];
  readonly tags?: Tags;
  /** How long answers are waited for, milliseconds; default by the size of the fleet, 3.2 s up to nine members. */
  readonly timeout?: number;
}

export interface Answers {
  readonly answers: ReadonlyMap<string, { readonly payload: Uint8Array; readonly receivedAt: number }>;
  readonly acknowledged: ReadonlySet<string>;
}

type Told = Extract<SwimOutput, { kind: 'answered' | 'acknowledged' | 'asked' }>;

interface Open {
  readonly answers: Map<string, { readonly payload: Uint8Array; readonly receivedAt: number }>;
  readonly acknowledged: Set<string>;
  readonly resolve: (answers: Answers) => void;
}

/** Questions of ours to the fleet, until their time is up or everybody has answered. */
export class Questions {
  readonly #open = new Map<string, Open>();
  readonly #handle: (input: SwimInput) => void;
  #asked = 0;

  constructor(handle: (input: SwimInput) => void) {
    this.#handle = handle;
  }

  ask(question: Question): Promise<Answers> {
    const ask = `q${++this.#asked}`;
    const { name, payload = new Uint8Array(), acknowledge = false, relayFactor = 0, names, tags, timeout } = question;
    return new Promise((resolve) => {
      this.#open.set(ask, { answers: new Map(), acknowledged: new Set(), resolve });
      this.#handle({
        kind: 'ask',
        ask,
        name,
        payload: hex(payload),
        acknowledge,
        relayFactor,
        ...(names === undefined ? {} : { names }),
        ...(tags === undefined ? {} : { tags }),
        ...(timeout === undefined ? {} : { timeout: millis(timeout) }),
      });
    });
  }

  told(output: Told): void {
    const open = this.#open.get(output.ask);
    if (open === undefined) return;
    switch (output.kind) {
      case 'answered':
        open.answers.set(output.from, {
          payload: new Uint8Array(Buffer.from(output.payload, 'hex')),
          receivedAt: Date.now(),
        });
        return;
      case 'acknowledged':
        open.acknowledged.add(output.from);
        return;
      case 'asked':
        this.#end(output.ask, open);
        return;
    }
  }

  /** Gossip ends: what has come by now is all. */
  close(): void {
    for (const [ask, open] of this.#open) this.#end(ask, open);
  }

  #end(ask: string, { answers, acknowledged, resolve }: Open): void {
    this.#open.delete(ask);
    resolve({ answers, acknowledged });
  }
}
