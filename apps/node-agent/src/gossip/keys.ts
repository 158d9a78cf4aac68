import { type KeyOperation, decodeKeyResponse, encodeKeyRequest, keyQueryName } from '@keepfleet/swim';
import type { Gossip } from './gossip.ts';

/** What the members answered to a change or a list of keys. */
export interface KeysOutcome {
  readonly operation: KeyOperation;
  /** Members alive, and those that did it. */
  readonly members: readonly string[];
  readonly done: readonly string[];
  /** Why others did not; those that said nothing are in it too. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
  /** Members that have failed and not left: they come back with the keyring that they have now. */
  readonly failed: readonly string[];
  /** Of a list: each key with the members that have it, and those that seal with it. */
  readonly keys: readonly {
    readonly key: string;
    readonly on: readonly string[];
    readonly primaryOn: readonly string[];
  }[];
}

/** Long enough for every member to write its keyring to a slow disk. */
const ANSWER_TIMEOUT_MS = 5_000;
const ROUNDS = 3;
/** Names that a question has room for. */
const MOST_NAMED = 8;

/** Asks every member, serf's own among them, to change its keyring, or what is in it. */
export async function askKeys(gossip: Gossip, operation: KeyOperation, key: Uint8Array): Promise<KeysOutcome> {
  const members = gossip.members();
  const live = members.filter(({ status }) => status === 'alive' || status === 'suspect').map(({ name }) => name);
  const answers = new Map<string, Uint8Array>();
  // Every change can be asked for twice, and one datagram is soon lost: whoever was silent is asked again.
  for (let round = 0; round < ROUNDS; round++) {
    const silent = live.filter((name) => !answers.has(name));
    if (silent.length === 0) break;
    const said = await gossip.ask({
      name: keyQueryName(operation),
      payload: encodeKeyRequest(key),
      timeout: ANSWER_TIMEOUT_MS,
      relayFactor: live.length > 2 ? 1 : 0,
      ...(round === 0 ? {} : { names: silent.slice(0, MOST_NAMED) }),
    });
    for (const [name, { payload }] of said.answers) answers.set(name, payload);
  }
  const done: string[] = [];
  const refused: { name: string; reason: string }[] = [];
  const on = new Map<string, { on: string[]; primaryOn: string[] }>();
  for (const name of new Set([...live, ...answers.keys()])) {
    const answer = answers.get(name);
    const response = answer === undefined ? undefined : decodeKeyResponse(answer);
    if (response === undefined)
      refused.push({ name, reason: `no answer to ${ROUNDS} questions, each of ${ANSWER_TIMEOUT_MS / 1000} s` });
    else if (!response.ok) refused.push({ name, reason: `an answer that cannot be read: ${response.error.detail}` });
    else if (!response.value.done) refused.push({ name, reason: response.value.message });
    else {
      done.push(name);
      const { keys, primary } = response.value;
      for (const text of keys) {
        const entry = on.get(text) ?? { on: [], primaryOn: [] };
        entry.on.push(name);
        // serf before 0.10 does not say which is primary, and lists it first.
        if (text === (primary === '' ? keys[0] : primary)) entry.primaryOn.push(name);
        on.set(text, entry);
      }
    }
  }
  return {
    operation,
    members: live,
    done: done.sort(),
    refused,
    failed: members.filter(({ status }) => status === 'failed').map(({ name }) => name),
    keys: [...on].map(([text, entry]) => ({ key: text, ...entry })),
  };
}
