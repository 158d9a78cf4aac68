import { parseKeepalivedConfig } from '@keepfleet/config';
import { beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../log.ts';
import type { NftFailure } from '../nft.ts';
import { vrrpSettings } from '../settings/index.ts';
import { Firewall } from './firewall.ts';

// What nftables is told is compared with keepalived's in test/interop.

const log = createLog('vrrp', 'silent');
const refused: NftFailure = { reason: 'no', refused: true };
const cutShort: NftFailure = { reason: 'too late', refused: false };

function settings(address: string | undefined, globals = '') {
  const accept = address === undefined ? '' : 'no_accept';
  const text = `global_defs {\n ${globals}\n}\nvrrp_instance V {\n interface eth0\n virtual_router_id 1\n ${accept}\n virtual_ipaddress {\n ${address ?? '192.0.2.1'}\n }\n}`;
  return vrrpSettings(parseKeepalivedConfig({ file: 'k.conf', text }).config);
}

describe('the filter of unaccepted addresses', () => {
  let scripts: string[] = [];
  let answers: (NftFailure | undefined)[] = [];
  let firewall = new Firewall(log);
  let ends: (() => void)[] = [];
  /** Of each table. */
  let rules: number | undefined;

  const tell = (script: string) => {
    scripts.push(script);
    return answers.shift();
  };

  beforeEach(() => {
    scripts = [];
    answers = [];
    ends = [];
    rules = undefined;
    firewall = made();
  });

  const made = (lookEveryMs?: number) => {
    const soon = async (script: string) => {
      const answer = tell(script);
      await new Promise<void>((resolve) => ends.push(resolve));
      return answer;
    };
    return new Firewall(log, { now: tell, soon, rules: () => rules }, 5, lookEveryMs);
  };

  const apply = (when: 'now' | 'soon', ...to: Parameters<typeof settings>) =>
    firewall.apply(settings(...to), [], () => undefined, when);
  const turns = () => new Promise((resolve) => setImmediate(resolve));
  /** What nft is told until it is told nothing more. */
  const told = async () => {
    for (; ends.length > 0; await turns()) ends.shift()?.();
    return scripts.splice(0);
  };
  const filters = (address: string): string => expect.stringContaining(`daddr { ${address} } drop`) as string;
  const removes = (table: string): string => expect.stringContaining(`delete table ip ${table}\n`) as string;

  it('is told to nft once', async () => {
    apply('now', '192.0.2.1');
    apply('now', '192.0.2.1');
    apply('soon', '192.0.2.1');
    expect(await told()).toEqual([filters('192.0.2.1')]);
    apply('soon', '192.0.2.2');
    apply('soon', '192.0.2.2');
    expect(await told()).toEqual([filters('192.0.2.2')]);
    apply('now', '192.0.2.2');
    expect(await told()).toEqual([]);
  });

  it.each(['now', 'soon'] as const)('that nft refused is not taken for in force: told again, %s', async (when) => {
    answers = [refused];
    apply(when, '192.0.2.1');
    expect(await told()).toEqual([filters('192.0.2.1')]);
    apply(when, '192.0.2.1');
    expect(await told()).toEqual([filters('192.0.2.1')]);
    apply(when, '192.0.2.1');
    expect(await told()).toEqual([]);
  });

  it('that nft refused is tried again by itself', async () => {
    answers = [refused, refused];
    apply('now', '192.0.2.1');
    const all: string[] = [];
    await expect.poll(async () => all.push(...(await told()))).toBe(3);
    expect(all).toEqual([1, 2, 3].map(() => filters('192.0.2.1')));
    apply('now', '192.0.2.1');
    expect(await told()).toEqual([]);
  });

  it('of before is not put in place after a newer one', async () => {
    apply('soon', '192.0.2.1');
    apply('now', '192.0.2.2');
    expect(await told()).toEqual([filters('192.0.2.1'), filters('192.0.2.2'), filters('192.0.2.2')]);
    apply('soon', '192.0.2.2');
    expect(await told()).toEqual([]);
  });

  it('of before that is wanted again while another is put in place is put in place after it', async () => {
    apply('now', '192.0.2.1');
    apply('soon', '192.0.2.2');
    apply('soon', '192.0.2.1');
    expect(await told()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.1'].map(filters));
  });

  it('is told once more where one told at once came between: which of them nft did last is not known', async () => {
    apply('soon', '192.0.2.1', 'nftables one');
    apply('now', '192.0.2.2', 'nftables two');
    apply('soon', '192.0.2.1', 'nftables one');
    const scripts = await told();
    expect(scripts).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.1'].map(filters));
    expect(scripts.at(-1)).toEqual(removes('two'));
  });

  it('was never there where nft refused it: nothing is removed, and nothing told of as left behind', async () => {
    answers = [refused, refused];
    apply('now', '192.0.2.1');
    apply('soon', undefined);
    expect(await told()).toEqual([filters('192.0.2.1'), removes('keepfleet')]);
    apply('soon', undefined);
    expect(await told()).toEqual([]);
    await firewall.remove();
    expect(scripts).toEqual([]);
  });

  it('leaves no table behind that may be there: a new name that nft may have taken keeps the old one in mind', async () => {
    apply('now', '192.0.2.1', 'nftables one');
    answers = [cutShort];
    apply('now', '192.0.2.1', 'nftables two');
    await told();
    apply('now', '192.0.2.1', 'nftables three');
    const [script] = await told();
    expect(script).toEqual(removes('one'));
    expect(script).toEqual(removes('two'));
    await firewall.remove();
    expect(scripts).toEqual([removes('three')]);
  });

  it('that nobody wants any more and nft does not remove is tried again', async () => {
    apply('now', '192.0.2.1');
    answers = [refused];
    apply('soon', undefined);
    await told();
    apply('soon', undefined);
    expect(await told()).toEqual([removes('keepfleet')]);
    apply('soon', undefined);
    expect(await told()).toEqual([]);
  });

  it('is none: what a crash left is removed once, and that there is no nft does not matter', async () => {
    answers = [refused];
    apply('now', undefined);
    apply('soon', undefined);
    expect(await told()).toEqual([removes('keepfleet')]);
    apply('soon', undefined);
    expect(await told()).toEqual([]);
    await firewall.remove();
    expect(scripts).toEqual([]);
  });

  it.each([
    ['removed', 0],
    ['emptied', 1],
  ])('that somebody %s is put back, and only once', async (_, left) => {
    firewall = made(5);
    apply('now', '192.0.2.1');
    expect(await told()).toEqual([filters('192.0.2.1')]);
    rules = 2;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await told()).toEqual([]);
    rules = left;
    await expect.poll(() => scripts.length).toBe(1);
    rules = 2;
    expect(await told()).toEqual([filters('192.0.2.1')]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await told()).toEqual([]);
    rules = left;
    await firewall.remove();
    expect(scripts.splice(0)).toEqual([removes('keepfleet')]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(scripts).toEqual([]);
  });

  it('that is none is not looked for', async () => {
    firewall = made(5);
    rules = 0;
    apply('now', '192.0.2.1');
    apply('soon', undefined);
    await told();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await told()).toEqual([]);
  });

  it('is removed at the end also where it was just being put in place', async () => {
    apply('soon', '192.0.2.1');
    const removed = firewall.remove();
    await turns();
    // What was under way may come after the first removal.
    expect(await told()).toEqual([filters('192.0.2.1'), removes('keepfleet'), removes('keepfleet')]);
    await removed;
  });
});
