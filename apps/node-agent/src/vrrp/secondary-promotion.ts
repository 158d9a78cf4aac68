import { readSysctl, writeSysctl } from '@keepfleet/linux';

const setting = (name: string) => `net/ipv4/conf/${name}/promote_secondaries`;

/**
 * promote_secondaries of the interfaces whose instances want it: when the first address of a network goes, the next takes
 * its place and does not go with it. Each gets back what it had as soon as no instance wants it any more.
 */
export class SecondaryPromotion {
  readonly #before = new Map<string, string>();
  readonly #read: (path: string) => string | undefined;
  readonly #write: (path: string, value: string) => void;

  constructor(read: (path: string) => string | undefined = readSysctl, write: typeof writeSysctl = writeSysctl) {
    this.#read = read;
    this.#write = write;
  }

  apply(wanted: readonly string[]): void {
    for (const [name, value] of this.#before) {
      if (wanted.includes(name)) continue;
      this.#write(setting(name), value);
      this.#before.delete(name);
    }
    for (const name of wanted) {
      const value = this.#read(setting(name));
      // The interface is not there yet: it is looked at with the next settings.
      if (value === undefined) continue;
      if (!this.#before.has(name)) this.#before.set(name, value);
      this.#write(setting(name), '1');
    }
  }
}
