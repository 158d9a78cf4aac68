import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { WaitTimeout, waitFor } from '@keepfleet/testkit';
import { describe, it } from 'vitest';
import { Keepalived, Lab, OurRouter, type Router, type Variant, sh } from './vrrp-stand.ts';

// Our vrrp process and keepalived on one LAN, each in turn the router of the higher priority. Needs root, keepalived,
// tcpdump, tshark.

/** What a busy test machine may add to a protocol time. */
const MARGIN_MS = 1_500;

const variants: readonly Variant[] = [
  {
    name: 'version 2 with password over IPv4',
    version: 2,
    family: 'ipv4',
    advertMs: 1_000,
    password: 's3cret',
    address: '198.51.100.15',
    prefix: 24,
  },
  {
    name: 'version 3 over IPv4',
    version: 3,
    family: 'ipv4',
    advertMs: 300,
    address: '198.51.100.15',
    prefix: 24,
  },
  {
    name: 'version 3 over IPv6',
    version: 3,
    family: 'ipv6',
    advertMs: 300,
    address: 'fe80::1:15',
    prefix: 64,
  },
];

function masterDownMs(variant: Variant, priority: number): number {
  const skew = ((256 - priority) / 256) * (variant.version === 2 ? 1_000 : variant.advertMs);
  return 3 * variant.advertMs + skew;
}

/** Packets of the capture, as tshark understands them. */
function captured(
  file: string,
): { source: string; ttl: number; priority: number; checksum: string; malformed: boolean }[] {
  const fields = ['ip.src', 'ipv6.src', 'ip.ttl', 'ipv6.hlim', 'vrrp.prio', 'vrrp.checksum.status', '_ws.malformed'];
  const options = ['-o', 'vrrp.v3_checksum_as_in_v2:FALSE', '-Y', 'vrrp', '-T', 'fields', '-E', 'separator=,'];
  return sh('tshark', '-r', file, ...options, ...fields.flatMap((field) => ['-e', field]))
    .trim()
    .split('\n')
    .map((line) => {
      const [source4, source6, ttl, hopLimit, priority, checksum = '', malformed] = line.split(',');
      return {
        source: source4 || source6 || '',
        ttl: Number(ttl || hopLimit),
        priority: Number(priority),
        checksum,
        malformed: malformed !== '',
      };
    });
}

async function scenario(variant: Variant, oursHigher: boolean): Promise<void> {
  const lab = new Lab();
  try {
    const capture = join(lab.directory, 'lan.pcap');
    const tcpdump = lab.start(
      'lan',
      'tcpdump.log',
      'tcpdump',
      '-U',
      '--immediate-mode',
      '-i',
      'br0',
      '-w',
      capture,
      'proto 112 or ip6 proto 112 or arp or icmp6',
    );
    await waitFor(() => lab.log('tcpdump.log').includes('listening on'), { deadline: 10_000, what: 'tcpdump' });
    const own = new OurRouter(lab, variant, oursHigher ? 150 : 100);
    const peer = new Keepalived(lab, variant, oursHigher ? 100 : 150);
    const [high, low]: [Router, Router] = oursHigher ? [own, peer] : [peer, own];
    // A start takes time of its own: Node some 300 ms, keepalived up to a second.
    const startMs = 3_000;
    const holders = () =>
      [own, peer].filter(({ host }) => lab.addresses(host).includes(variant.address)).map(({ host }) => host);
    const owned = (router: Router, limitMs: number, what: string) =>
      waitFor(() => lab.addresses(router.host).includes(variant.address), {
        deadline: limitMs + MARGIN_MS,
        what: `${router.host}: ${what}`,
      });
    const alone = (router: Router, what: string) =>
      waitFor(() => holders().join() === router.host, {
        deadline: MARGIN_MS + startMs,
        what: `only ${router.host} has it: ${what}`,
      });

    low.start();
    await owned(low, masterDownMs(variant, low.priority) + startMs, 'takes over while alone');
    high.start();
    await owned(high, masterDownMs(variant, high.priority) + startMs, 'preempts the lower priority');
    await alone(high, 'after preemption');

    await high.kill();
    assert(lab.addresses(high.host).includes(variant.address), 'a killed router leaves its address');
    await owned(low, masterDownMs(variant, low.priority), 'takes over after kill -9');
    high.start();
    await alone(low, 'the restarted router removes what it left').catch((error: unknown) => {
      // The window may be shorter than one look of ours: keepalived's own log then says it.
      if (!(error instanceof WaitTimeout) || high.host === 'ours') throw error;
      assert.match(lab.log('theirs.log'), /removing VIPs/);
    });
    await owned(high, masterDownMs(variant, high.priority) + startMs, 'preempts after its restart');
    await alone(high, 'after its restart');

    const stopping = high.stop();
    const skewMs = masterDownMs(variant, low.priority) - 3 * variant.advertMs;
    await owned(low, skewMs, 'takes over after priority 0');
    await stopping;
    assert.deepEqual(holders(), [low.host], 'a stopped router takes its address away');
    high.start();
    await owned(high, masterDownMs(variant, high.priority) + startMs, 'preempts again');
    await alone(high, 'at the end');
    await low.stop();
    await high.stop();
    assert.deepEqual(holders(), []);
    const flushed = once(tcpdump, 'exit');
    tcpdump.kill('SIGTERM');
    await flushed;

    assert.deepEqual(high.transitions().filter(isWorking), Array(3).fill(['backup', 'master']).flat());
    assert.deepEqual(low.transitions().filter(isWorking), ['backup', ...Array(3).fill(['master', 'backup']).flat()]);
    const packets = captured(capture);
    const sources = new Set(packets.map(({ source }) => source));
    assert.equal(sources.size, 2);
    for (const source of sources) {
      const sent = packets.filter((packet) => packet.source === source);
      assert(sent.length >= 3, `${source} sent ${sent.length} adverts`);
      for (const packet of sent)
        assert.deepEqual(
          { ttl: packet.ttl, checksum: packet.checksum, malformed: packet.malformed },
          { ttl: 255, checksum: '1', malformed: false },
          `${source}: ${JSON.stringify(packet)}`,
        );
    }
    const handedOver = packets.filter(({ priority }) => priority === 0).map(({ ttl, checksum }) => ({ ttl, checksum }));
    assert(handedOver.length >= 2, 'a router that stops as master says priority 0');
    assert.doesNotMatch(lab.log('ours.log'), /bad-packet/);
    assert.doesNotMatch(lab.log('theirs.log'), /invalid|mismatch|incorrect|bad/i);
  } catch (error) {
    for (const file of ['ours.log', 'theirs.log']) process.stderr.write(`--- ${file}\n${lab.log(file)}`);
    throw error;
  } finally {
    await lab.close();
  }
}

const isWorking = (state: string) => state === 'backup' || state === 'master';

describe.concurrent('our vrrp process beside keepalived', () => {
  for (const variant of variants) {
    it(`is master by priority: ${variant.name}`, () => scenario(variant, true));
    it(`is backup by priority: ${variant.name}`, () => scenario(variant, false));
  }
});
