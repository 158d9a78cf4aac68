import { randomBytes } from 'node:crypto';
import { gossip, toJson } from '@keepfleet/rpc';
import type { Answer, Command, Console } from '../command.ts';
import type { Controller } from '../connection.ts';
import { Failure, exitCodes } from '../failure.ts';
import { lines, table } from '../text.ts';

const KEY_BYTES = 32;
const FINGERPRINT = /^[0-9a-f]{8}$/;

type Change = 'install' | 'use' | 'remove';

const OPERATIONS: Readonly<Record<Change, gossip.KeyOperation>> = {
  install: gossip.KeyOperation.INSTALL,
  use: gossip.KeyOperation.USE,
  remove: gossip.KeyOperation.REMOVE,
};

export function newKey(): Buffer {
  return randomBytes(KEY_BYTES);
}

export class KeysCommand implements Command {
  readonly asks = 'gossip';
  readonly #show: boolean;

  constructor(options: { readonly show: boolean }) {
    this.#show = options.show;
  }

  async run(controller: Controller): Promise<Answer> {
    const response = await list(controller);
    if (this.#show && response.keys.some(({ key }) => key === ''))
      throw new Failure('only the agent of a node shows keys: run this on a node with --agent', exitCodes.usage);
    const data = this.#show ? response : { ...response, keys: response.keys.map((row) => ({ ...row, key: '' })) };
    const rows = response.keys.map((row) => [
      row.fingerprint,
      `${row.on.length} of ${response.members.length}`,
      row.primaryOn.length === 0 ? '-' : `${row.primaryOn.length} of ${response.members.length}`,
      missing(response, row),
      ...(this.#show ? [row.key] : []),
    ]);
    return {
      data: toJson(gossip.ChangeKeysResponse, data),
      exitCode: Object.keys(response.refused).length > 0 ? exitCodes.failed : exitCodes.ok,
      text: lines(
        rows.length === 0
          ? 'no member has a key'
          : table(['KEY', 'ON', 'ENCRYPTS ON', 'MISSING ON', ...(this.#show ? ['BASE64'] : [])], rows),
        ...complaints(response),
      ),
    };
  }
}

export class ChangeKeyCommand implements Command {
  readonly asks = 'gossip';
  readonly #options: { readonly operation: Change; readonly key: string; readonly actor: string };

  constructor(options: { readonly operation: Change; readonly key: string; readonly actor: string }) {
    this.#options = options;
  }

  async run(controller: Controller): Promise<Answer> {
    const { operation, key, actor } = this.#options;
    const response = await change(controller, operation, key, actor);
    return {
      data: toJson(gossip.ChangeKeysResponse, response),
      exitCode: isComplete(response) ? exitCodes.ok : exitCodes.failed,
      text: lines(
        `${operation}: done by ${response.done.length} of ${response.members.length} members`,
        ...complaints(response),
      ),
    };
  }
}

/** Three steps, each of which must be done by everybody before the next: at no moment are two members without a common key. */
export class RotateCommand implements Command {
  readonly asks = 'gossip';
  readonly #options: { readonly force: boolean; readonly actor: string };

  constructor(options: { readonly force: boolean; readonly actor: string }) {
    this.#options = options;
  }

  async run(controller: Controller, console: Console): Promise<Answer> {
    const { force, actor } = this.#options;
    const before = await list(controller);
    this.#demand(before, 'list');
    const key = newKey().toString('base64');
    const installed = await change(controller, 'install', key, actor);
    this.#demand(installed, 'install');
    console.progress(`the new key is on ${installed.done.length} members`);
    const used = await change(controller, 'use', key, actor);
    this.#demand(used, 'use');
    console.progress(`${used.done.length} members encrypt with it`);
    const failed = used.failed.length > 0 && !force;
    const old = before.keys.map(({ fingerprint }) => fingerprint);
    if (failed)
      return {
        data: toJson(gossip.ChangeKeysResponse, used),
        exitCode: exitCodes.failed,
        text:
          `the new key is in use; the old ones (${old.join(', ')}) stay, because ${used.failed.join(', ')} failed and would come back ` +
          'with them alone. Once they are back: `keepfleet keys install` the new key (`keepfleet keys list --show`), then ' +
          '`keepfleet keys remove` each old one; or forget them (`keepfleet members forget`)',
      };
    for (const fingerprint of old) this.#demand(await change(controller, 'remove', fingerprint, actor), 'remove');
    return {
      data: toJson(gossip.ChangeKeysResponse, used),
      text: `rotated on ${used.done.length} members; removed ${old.join(', ')}`,
    };
  }

  #demand(response: gossip.ChangeKeysResponse, step: string): void {
    if (isComplete(response)) return;
    throw new Failure(
      `stopped at "${step}", which was done by ${response.done.length} of ${response.members.length} members; nothing is lost, ` +
        `every member still has a key in common: ${complaints(response).join('; ')}. Mend that and rotate again`,
      exitCodes.failed,
    );
  }
}

function list(controller: Controller): Promise<gossip.ChangeKeysResponse> {
  const request = { operation: gossip.KeyOperation.LIST, key: new Uint8Array(), actor: '', fingerprint: '' };
  return controller.changeKeys(request);
}

function change(controller: Controller, operation: Change, key: string, actor: string) {
  const fingerprint = operation !== 'install' && FINGERPRINT.test(key) ? key : '';
  const bytes = fingerprint === '' ? keyBytes(key) : new Uint8Array();
  return controller.changeKeys({ operation: OPERATIONS[operation], key: bytes, actor, fingerprint });
}

function keyBytes(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') === text && [16, 24, 32].includes(bytes.length)) return bytes;
  throw new Failure(
    'that is no key of 16, 24 or 32 bytes in base64, nor a fingerprint of one; `keepfleet keys generate` makes one',
    exitCodes.usage,
  );
}

function isComplete(response: gossip.ChangeKeysResponse): boolean {
  return Object.keys(response.refused).length === 0;
}

function complaints(response: gossip.ChangeKeysResponse): string[] {
  return [
    ...Object.entries(response.refused).map(([name, reason]) => `${name}: ${reason}`),
    ...response.failed.map((name) => `${name} failed, and comes back with the keyring that it has`),
  ];
}

function missing(response: gossip.ChangeKeysResponse, row: gossip.KeyRow): string {
  return response.done.filter((name) => !row.on.includes(name)).join(', ') || '-';
}
