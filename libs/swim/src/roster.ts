import { crc32 } from './crc32.ts';
import { type Member, endpointKey, isLive } from './member.ts';
import type { Endpoint } from './settings.ts';
import { encodeUtf8 } from './utf8.ts';

/** The members by name, by endpoint and by state: what every packet asks must not cost a walk over all. */
export class Roster {
  readonly #members = new Map<string, Member>();
  readonly #owners = new Map<string, string>();
  readonly #suspects = new Set<string>();
  readonly #gone = new Set<string>();
  #live = 0;
  #digest = 0;

  get size(): number {
    return this.#members.size;
  }

  /** How many are alive or suspect. */
  get live(): number {
    return this.#live;
  }

  /** The same for the same members alive or suspect, where and in which incarnation, whatever the order; above 0. */
  get digest(): number {
    return this.#digest >>> 0 || 1;
  }

  /** Names of the suspects. */
  get suspects(): ReadonlySet<string> {
    return this.#suspects;
  }

  /** Those that are dead or left. */
  gone(): Member[] {
    return [...this.#gone].flatMap((name) => this.#members.get(name) ?? []);
  }

  get(name: string): Member | undefined {
    return this.#members.get(name);
  }

  at(endpoint: Endpoint): Member | undefined {
    const owner = this.#owners.get(endpointKey(endpoint));
    return owner === undefined ? undefined : this.#members.get(owner);
  }

  all(): Member[] {
    return [...this.#members.values()];
  }

  /** In the place of whoever had the name before. */
  put(member: Member): Member {
    this.remove(member.name);
    this.#members.set(member.name, member);
    this.#owners.set(endpointKey(member.endpoint), member.name);
    if (isLive(member)) {
      this.#live++;
      this.#digest = (this.#digest + digestOf(member)) | 0;
    } else this.#gone.add(member.name);
    if (member.state.kind === 'suspect') this.#suspects.add(member.name);
    return member;
  }

  remove(name: string): void {
    const member = this.#members.get(name);
    if (member === undefined) return;
    this.#members.delete(name);
    if (this.#owners.get(endpointKey(member.endpoint)) === name) this.#owners.delete(endpointKey(member.endpoint));
    if (isLive(member)) {
      this.#live--;
      this.#digest = (this.#digest - digestOf(member)) | 0;
    }
    this.#suspects.delete(name);
    this.#gone.delete(name);
  }
}

function digestOf({ name, endpoint, incarnation }: Member): number {
  return crc32(encodeUtf8(`${name}\n${endpointKey(endpoint)}\n${incarnation}`));
}
