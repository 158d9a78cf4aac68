import assert from 'node:assert/strict';
import { join } from 'node:path';
import { WaitTimeout, waitFor } from '@keepfleet/testkit';
import { Frr } from './vrrp-frr.ts';
import { Keepalived, Lab, OurRouter, type Router, type Variant, sh, virtualMac, MACS } from './vrrp-stand.ts';

/** What a busy test machine may add to a protocol time. The order of events and the packets are the proof, not this. */
const MARGIN_MS = 30_000;

function masterDownMs(variant: Variant, priority: number): number {
  const skew = ((256 - priority) / 256) * (variant.version === 2 ? 1_000 : variant.advertMs);
  return 3 * variant.advertMs + skew;
}

/** MAC addresses that gratuitous ARPs name for an address. */
function announcements(file: string, address: string): string[] {
  const filter = `arp.isgratuitous && arp.src.proto_ipv4 == ${address} && eth.src == arp.src.hw_mac`;
  return sh('tshark', '-r', file, '-Y', filter, '-T', 'fields', '-e', 'eth.src').trim().split('\n');
}

/** Packets of the capture, as tshark understands them. */
function adverts(file: string): {
  source: string;
  host: string;
  mac: string;
  ttl: number;
  priority: number;
  checksum: string;
  malformed: boolean;
}[] {
  const fields = [
    'eth.src',
    'ip.src',
    'ipv6.src',
    'ip.ttl',
    'ipv6.hlim',
    'vrrp.prio',
    'vrrp.checksum.status',
    '_ws.malformed',
  ];
  const options = [
    '-o',
    'vrrp.v3_checksum_as_in_v2:FALSE',
    '-Y',
    'vrrp && !icmp && !icmpv6',
    '-T',
    'fields',
    '-E',
    'separator=,',
  ];
  return sh('tshark', '-r', file, ...options, ...fields.flatMap((field) => ['-e', field]))
    .trim()
    .split('\n')
    .map((line) => {
      const [mac = '', source4, source6, ttl, hopLimit, priority, checksum = '', malformed] = line.split(',');
      const source = source4 || source6 || '';
      return {
        source,
        host: source === '192.0.2.1' || source.endsWith('ff:fe00:1') || source === 'fd00::1' ? 'ours' : 'theirs',
        mac,
        ttl: Number(ttl || hopLimit),
        priority: Number(priority),
        checksum,
        malformed: malformed !== '',
      };
    });
}

/**
 * Two routers on one LAN, ours and another's: the higher one owns the address, loses it by kill -9 and by an end, and
 * takes it back. The packets of it all are judged by tshark.
 */
export async function scenario(variant: Variant, oursHigher: boolean): Promise<void> {
  const lab = new Lab();
  try {
    const capture = join(lab.directory, 'lan.pcap');
    const captured = await lab.capture('lan.pcap', 'proto 112 or proto 51 or ip6 proto 112 or arp or icmp6');
    const own = new OurRouter(lab, variant, oursHigher ? 150 : 100);
    const peer =
      variant.peer === 'frr'
        ? new Frr(lab, variant, oursHigher ? 100 : 150)
        : new Keepalived(lab, variant, oursHigher ? 100 : 150);
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
    if (high.removesLeftovers)
      await alone(low, 'the restarted router removes what it left').catch((error: unknown) => {
        // The window may be shorter than one look of ours: the log then says it.
        if (!(error instanceof WaitTimeout)) throw error;
        assert.match(lab.log(`${high.host}.log`), /removing VIPs|residual-address/);
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
    await captured();

    const highWays = high.transitions();
    if (highWays !== undefined)
      assert.deepEqual(highWays.filter(isWorking), Array(3).fill(['backup', 'master']).flat());
    const lowWays = low.transitions();
    if (lowWays !== undefined)
      assert.deepEqual(lowWays.filter(isWorking), ['backup', ...Array(3).fill(['master', 'backup']).flat()]);
    const packets = adverts(capture);
    const routed = variant.unicast === true && variant.family === 'ipv6';
    const sources = new Set(packets.map(({ source }) => source));
    assert.equal(sources.size, 2);
    for (const source of sources) {
      const sent = packets.filter((packet) => packet.source === source);
      assert(sent.length >= 3, `${source} sent ${sent.length} adverts`);
      for (const packet of sent)
        assert.deepEqual(
          { ttl: packet.ttl, checksum: packet.checksum, malformed: packet.malformed },
          // Unicast by IPv6 keepalived sends with the kernel's hop limit, 64, and nobody minds.
          { ttl: routed && packet.host === 'theirs' ? packet.ttl : 255, checksum: '1', malformed: false },
          `${source}: ${JSON.stringify(packet)}`,
        );
    }
    const handedOver = packets.filter(({ priority }) => priority === 0).map(({ ttl, checksum }) => ({ ttl, checksum }));
    assert(handedOver.length >= 2, 'a router that stops as master says priority 0');
    const ours = packets.filter(({ host }) => host === 'ours');
    assert(ours.length > 0);
    for (const { mac } of ours) assert.equal(mac, variant.vmac === true ? virtualMac(variant) : MACS.ours);
    if (variant.family === 'ipv4') {
      const announced = new Set(announcements(capture, variant.address));
      assert(announced.has(variant.vmac === true ? virtualMac(variant) : MACS.ours), [...announced].join(' '));
    }
    // With AH a master and the one that preempts it count on from the same number: adverts of the same moment bear the
    // same one, of which keepalived says `already processed`. The next advert decides.
    const isAlike = (line: string) => variant.ah === true && line.includes('a sequence number that was there already');
    const lines = lab.log('ours.log').split('\n');
    const bad = lines.filter((line) => line.includes('bad-packet') && !isAlike(line));
    assert.deepEqual(bad, []);
    assert.doesNotMatch(lab.log('theirs.log'), /invalid|mismatch|incorrect|bad/i);
  } catch (error) {
    for (const file of ['ours.log', 'theirs.log']) process.stderr.write(`--- ${file}\n${lab.log(file)}`);
    throw error;
  } finally {
    await lab.close();
  }
}

const isWorking = (state: string) => state === 'backup' || state === 'master';
