import assert from 'node:assert/strict';
import { waitFor } from '@keepfleet/testkit';
import { type Configuration, generated, mixed, samples } from './ipvs-configurations.ts';
import type { GuestStep } from './ipvs-guest.ts';
import { type IpvsNode, KeepalivedNode, OurNode } from './ipvs-node.ts';

const lines = (node: IpvsNode) => [...node.table(), ...node.thresholds()];

/** A line of a destination: its service, its address and its weight. */
const destination = /^-a (.+) -r \[?(\S+?)\]?:\d+ .*-w (\d+)( |$)/;

/** Lines that only one of two tables has, but for the differences that are documented. */
function difference(table: readonly string[], theirs: readonly string[], text: string): string[] {
  const sorryServers = new Set([...text.matchAll(/^\s*sorry_server\s+(\S+)/gm)].map(([, address]) => address));
  const withSorryServer = new Set(
    theirs.flatMap((line) => {
      const [, service = '', address, weight] = destination.exec(line) ?? [];
      return sorryServers.has(address) && weight !== '0' ? [service] : [];
    }),
  );
  // A server of weight 0 that keepalived takes out when the sorry server comes in: docs/differences.md.
  const isDrained = (line: string) => {
    const [, service = '', , weight] = destination.exec(line) ?? [];
    return weight === '0' && withSorryServer.has(service);
  };
  const ours = table.filter((line) => !isDrained(line) || theirs.includes(line));
  return [
    ...ours.filter((line) => !theirs.includes(line)).map((line) => `only ours: ${line}`),
    ...theirs.filter((line) => !ours.includes(line)).map((line) => `only keepalived's: ${line}`),
  ];
}

/** Each table as soon as it stands still: some seconds later a check has failed, since nobody answers here. */
async function underKeepalived(
  configurations: readonly Configuration[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const tables = new Map<string, readonly string[]>();
  for (const [i, { name, text, forKeepalived = text }] of configurations.entries()) {
    const node = new KeepalivedNode(`kf-k${i}`);
    try {
      await node.start(forKeepalived);
      let before = '';
      const standsStill = () => {
        const [last, now] = [before, node.shown()];
        before = now;
        return now !== '' && now === last && node.isIdle;
      };
      await waitFor(standsStill, {
        deadline: 180_000,
        what: `a table of keepalived that stands still, of ${name}`,
        every: 700,
      });
      tables.set(name, lines(node));
    } finally {
      await node.remove();
    }
  }
  return tables;
}

const flushed = (words: string) => `global_defs {
  ${words}
}
virtual_server 198.51.100.15 80 {
  lvs_sched rr
  lvs_method NAT
  protocol TCP
  real_server 192.168.1.1 80 {
  }
}
`;
const own = ['-A -t 198.51.100.15:80 -s rr', '-a -t 198.51.100.15:80 -r 192.168.1.1:80 -m -w 1'];
const foreign = '-A -t 192.0.2.9:80 -s rr';

/** Services of somebody else, there before the agent starts and before it stops. */
async function flushes(): Promise<void> {
  const node = new OurNode('kf-flush');
  const tableIs = (...wanted: readonly string[]) =>
    waitFor(() => node.table().join() === [...wanted].sort().join(), {
      deadline: 120_000,
      what: `the table ${wanted.join(', ')}`,
      every: 300,
    });
  const addForeign = () => node.run('ipvsadm', ...foreign.split(' '));
  try {
    addForeign();
    await node.start(flushed('lvs_flush\n  lvs_flush_on_stop'));
    await tableIs(...own);
    addForeign();
    await node.stop();
    assert.deepEqual(node.table(), []);
    addForeign();
    await node.start(flushed(''));
    await tableIs(foreign, ...own);
    await node.stop();
    assert.deepEqual(node.table(), [foreign]);
  } finally {
    await node.remove();
  }
}

const options = `global_defs {
  lvs_sync_daemon kf0 id 7 maxlen 1400 port 8850 ttl 3 group 224.0.0.90
  lvs_timeouts tcp 850 tcpfin 110 udp 290
}
virtual_server 198.51.100.15 80 {
  delay_loop 3000
  protocol TCP
  real_server 192.168.1.1 80 {
  }
}
`;

/** What IPVS has once: every keyword of the sync daemon, which without an instance sends and takes, and the timeouts. */
async function kernelOptions(): Promise<void> {
  const shown = async (node: IpvsNode) => {
    node.ip('link', 'add', 'kf0', 'type', 'dummy');
    node.ip('link', 'set', 'kf0', 'up');
    node.ip('address', 'add', '192.0.2.1/24', 'dev', 'kf0');
    const texts = () => ['--daemon', '--timeout'].map((what) => node.run('ipvsadm', '-Ln', what).trim());
    try {
      await node.start(options);
      await waitFor(() => /^master/m.test(texts().join('\n')) && /^backup/m.test(texts().join('\n')), {
        deadline: 120_000,
        what: `sync daemons of ${node.name}`,
        every: 500,
      });
      return texts().flatMap((text) => text.split('\n').map((line) => line.trim()));
    } finally {
      await node.stop();
      await node.remove();
    }
  };
  const theirs = await shown(new KeepalivedNode('kf-k'));
  assert.match(theirs.join('\n'), /syncid=7.*8850/);
  assert.deepEqual((await shown(new OurNode('kf-options'))).sort(), theirs.sort());
}

/** One agent, reloaded with one configuration after another, must have the table of a keepalived that has just started. */
export const tableSteps: readonly GuestStep[] = [
  {
    name: "has keepalived's table for each of its samples and for every two options together, by reloads of one agent",
    run: async () => {
      const configurations = [...samples(), generated(), mixed()];
      assert.ok(configurations.length > 10, `${configurations.length} samples`);

      const tables = await underKeepalived(configurations);

      const node = new OurNode('kf-ours');
      const found: string[] = [];
      try {
        for (const [i, { name, text }] of configurations.entries()) {
          if (i === 0) await node.start(text);
          else node.reload(text);
          const table = tables.get(name) ?? [];
          let differing: readonly string[] = [];
          await waitFor(() => (differing = difference(lines(node), table, text)).length === 0, {
            // The first of them waits for the agent to start, which takes minutes where three guests share two processors.
            deadline: i === 0 ? 300_000 : 60_000,
            what: 'the table of keepalived',
            every: 300,
          }).catch(() => found.push(`${name}:`, ...differing.slice(0, 60)));
        }
        assert.equal(found.join('\n'), '', `${found.join('\n')}\n${node.log}`);
        await node.stop();
        assert.deepEqual(node.table(), []);
      } finally {
        await node.remove();
      }
    },
  },
  { name: "has keepalived's sync daemons and timeouts, with every keyword", run: kernelOptions },
  { name: 'flushes at start and at stop what is not its own, when it is told to and only then', run: flushes },
];
