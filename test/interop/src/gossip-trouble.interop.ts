import { readFileSync } from 'node:fs';
import { waitFor } from '@keepfleet/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GossipStand, OurMember, address } from './gossip-stand.ts';

// What the doctor says of networks and hosts that are really so, and what a member does under packets made to exhaust it.

const HOSTS = [1, 2, 3];
const STRANGER = 4;
const SOON = 90_000;
/** How far the clock of the last host is ahead, ms; nothing but the clock that its process sees. */
const AHEAD = 5_000;
const BOMBS = 50;
/** Unpacked the bombs would be some four gigabytes at each member. */
const MOST_GROWTH = 192 << 20;

interface Finding {
  readonly subject: string;
  readonly message: string;
}

let stand: GossipStand;
let members: OurMember[];

beforeAll(async () => {
  stand = new GossipStand(4);
  members = HOSTS.map((host) => start(host));
  await Promise.all(members.map((member) => member.started()));
  await seenBy(members[0]);
});
afterAll(() => stand.down());
afterEach(() => stand.run(2, 'nft', 'delete', 'table', 'inet', 'trouble'));

function start(host: number, more: Record<string, unknown> = {}, environment: readonly string[] = []): OurMember {
  return new OurMember(stand, host, { seeds: HOSTS.map(address), ...more }, environment);
}

async function seenBy(member: OurMember | undefined): Promise<void> {
  await waitFor(
    async () => {
      const seen = Object.values((await member?.members()) ?? {});
      return seen.length === HOSTS.length && seen.every(({ status }) => status === 'alive');
    },
    { deadline: SOON, every: 200, what: 'all members alive' },
  );
}

/** Findings of the first member's doctor. */
async function findings(): Promise<readonly Finding[]> {
  const { findings: found } = (await members[0]?.ask({ do: 'doctor' }, 'diagnosis')) as unknown as {
    findings: readonly Finding[];
  };
  return found;
}

/** Waits until all that the doctor finds are these, in any order. */
async function finds(...sentences: readonly RegExp[]): Promise<void> {
  let last: readonly Finding[] = [];
  await waitFor(
    async () => {
      last = await findings();
      return (
        last.length === sentences.length &&
        sentences.every((sentence) => last.some(({ message }) => sentence.test(message)))
      );
    },
    { deadline: SOON, every: 500, what: sentences.join(', ') },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; found: ${JSON.stringify(last)}`);
  });
}

/** On the way from the first host to the second. */
async function drop(what: string): Promise<void> {
  const file = stand.file(
    'trouble.nft',
    `table inet trouble {\nchain input {\ntype filter hook input priority 0\nip saddr ${address(1)} ${what} drop\n}\n}\n`,
  );
  expect(await stand.run(2, 'nft', '-f', file)).toMatchObject({ code: 0 });
}

describe('the doctor', () => {
  it('finds nothing where nothing is wrong', () => finds());

  it('names the direction in which UDP is closed', async () => {
    await drop('udp dport 7946');
    await finds(/nothing that n1 sends by UDP reaches n2: let UDP 7946 of n1 in at n2/);
  });

  it('names who cannot open TCP to whom', async () => {
    await drop('tcp dport 7946');
    await finds(/n1 cannot open TCP to port 7946 of n2/);
  });

  it('tells large datagrams that get lost from UDP that is closed', async () => {
    await drop('udp length > 1000');
    await finds(/small datagrams of n1 reach n2, and large ones of it do not: .*MTU/);
  });

  it('names a clock that is ahead and versions that differ', async () => {
    await members[2]?.kill();
    const shift = `const now = Date.now; Date.now = () => now() + ${AHEAD};`;
    const options = `NODE_OPTIONS=--import=data:text/javascript,${encodeURIComponent(shift)}`;
    members[2] = start(3, { version: '0.0.9' }, [options]);
    await members[2].started();
    await seenBy(members[0]);
    await finds(/the clock of n3 is [45]\.\d s ahead/, /versions differ: 0\.0\.9 on n3; standalone on n1, n2/);
    await members[2].kill();
    members[2] = start(3);
    await members[2].started();
    await seenBy(members[0]);
    await finds();
  });
});

describe('decompression bombs', () => {
  it('as datagrams and streams are dropped unopened: no member grows, none is taken for dead', async () => {
    const before = members.map(peak);
    const lines = members.map((member) => member.lines.length);
    const script = `
      const dgram = require('node:dgram'), net = require('node:net');
      // LZW as memberlist has it (least significant bits first, 8-bit literals), of zeros: each code is one longer than the last.
      function zeros(bytes) {
        const out = []; let bits = 0, count = 0, width = 9, next = 258;
        const put = (code) => { bits += code * 2 ** count; count += width;
          while (count >= 8) { out.push(bits % 256); bits = Math.floor(bits / 256); count -= 8; } };
        put(256); put(0); let left = bytes - 1;
        for (let length = 2; left >= length; length++) {
          put(next); left -= length; next++;
          if (next === 2 ** width && width < 12) width++;
          if (next === 4095) { put(256); width = 9; next = 258; length = 1; put(0); left--; }
        }
        put(257); if (count > 0) out.push(bits % 256);
        return Buffer.from(out);
      }
      function message(bytes) {
        const data = zeros(bytes), head = Buffer.from('0982a4416c676f00a3427566db00000000', 'hex');
        head.writeUInt32BE(data.length, head.length - 4);
        return Buffer.concat([head, data]);
      }
      const small = message(20 << 20), large = message(64 << 20), to = ${JSON.stringify(HOSTS.map(address))};
      process.stdout.write([small.length, large.length].join(' ') + '\\n');
      (async () => {
        const udp = dgram.createSocket('udp4');
        for (let i = 0; i < ${BOMBS}; i++) for (const host of to)
          await new Promise((done) => udp.send(small, 7946, host, done));
        udp.close();
        for (let i = 0; i < ${BOMBS}; i++) await Promise.all(to.map((host) => new Promise((done) => {
          const socket = net.connect(7946, host, () => socket.end(large));
          socket.on('error', () => {}).on('close', done).resume();
        })));
      })();`;
    const sent = await stand.run(STRANGER, process.execPath, stand.file('bombs.cjs', script));
    expect(sent).toMatchObject({ code: 0, text: expect.stringMatching(/^\d{5} \d{5}\n$/) });
    for (const [i, member] of members.entries()) {
      const dropped = await member.dropped();
      // Datagrams may get lost where they come faster than they are read; streams do not.
      expect(dropped['too-large']).toBeGreaterThanOrEqual(BOMBS);
      expect(peak(member) - (before[i] ?? 0)).toBeLessThan(MOST_GROWTH);
      const failed = member.lines.slice(lines[i]).filter(({ change }) => change === 'failed');
      expect(failed).toEqual([]);
    }
    await seenBy(members[1]);
  });
});

/** The most memory that a member's process ever had, bytes. */
function peak({ process: { pid } }: OurMember): number {
  const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8');
  return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]);
}
