import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RawIpSocket, Rtnetlink, inNetworkNamespace } from '@keepfleet/linux';
import { waitFor } from '@keepfleet/testkit';
import { internetChecksum, ip } from '@keepfleet/wire';
import { afterEach, describe, it } from 'vitest';
import {
  Control,
  type Host,
  Keepalived,
  Lab,
  MACS,
  OurRouter,
  type ProcessMessage,
  STANDALONE,
  type Variant,
  sh,
} from './vrrp-stand.ts';

// Our vrrp process on a real kernel: what it does when the kernel, a peer or its control process misbehaves.

const variant: Variant = {
  name: 'version 3 over IPv4',
  version: 3,
  family: 'ipv4',
  advertMs: 200,
  address: '198.51.100.15',
  prefix: 24,
};
const withoutPassword: Variant = { ...variant, version: 2, advertMs: 1_000 };
const v2: Variant = { ...withoutPassword, password: 's3cret' };

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function lab(): Lab {
  const made = new Lab();
  closers.push(() => made.close());
  return made;
}

async function control(router: OurRouter): Promise<Control> {
  const made = await Control.connect(router.runDirectory);
  closers.push(() => made.close());
  return made;
}

const stateOf = (message: ProcessMessage) => message.snapshot?.instances[0]?.state;
const became = (link: Control, state: string, from = 0) =>
  link.message(`state ${state}`, (message) => stateOf(message) === state, from);

/** Our router, master and alone. */
async function master(on: Lab, changes: Record<string, unknown> = {}): Promise<{ router: OurRouter; link: Control }> {
  const router = new OurRouter(on, variant, 150, changes);
  router.start();
  const link = await control(router);
  link.send({ type: 'resume', incarnation: '', after: 0 });
  await became(link, 'master');
  return { router, link };
}

describe('the vrrp process and the kernel', () => {
  it('puts back an address that somebody deletes, and says so', async () => {
    const on = lab();
    const { link } = await master(on);
    on.ip('ours', 'addr', 'del', '198.51.100.15/24', 'dev', 'eth0');
    await link.event('address-missing');
    await link.event('address-restored');
    assert(on.addresses('ours').includes('198.51.100.15'));
    await link.message('in place', ({ snapshot }) => snapshot?.instances[0]?.addressesInPlace === true);
    assert.equal(
      link.messages.findLast((message) => stateOf(message) !== undefined)?.snapshot?.instances[0]?.counters
        .becameMaster,
      1,
    );
  });

  it('is in fault while its interface is gone, and works again when it is made anew', async () => {
    const on = lab();
    const { link } = await master(on);
    const from = link.messages.length;
    on.ip('ours', 'link', 'del', 'eth0');
    const fault = await link.message(
      'fault',
      ({ event }) => event?.kind === 'state-changed' && event['to'] === 'fault',
      from,
    );
    assert.deepEqual(fault.event?.['causes'], [{ kind: 'interface-missing', interface: 'eth0' }]);
    const again = link.messages.length;
    on.plug('ours');
    await became(link, 'master', again);
    assert(on.addresses('ours').includes('198.51.100.15'));
    // On the new interface it hears again, too: a peer of higher priority is obeyed.
    const peer = new Keepalived(on, variant, 200);
    const heard = link.messages.length;
    peer.start();
    await became(link, 'backup', heard);
  });

  it('is in fault while a tracked interface is down, and hands over with priority 0', async () => {
    const on = lab();
    on.ip('ours', 'link', 'add', 'front', 'type', 'veth', 'peer', 'name', 'back');
    for (const name of ['front', 'back']) on.ip('ours', 'link', 'set', name, 'up');
    const { link } = await master(on, { trackInterfaces: [{ name: 'front' }] });
    const peer = new Keepalived(on, variant, 100);
    peer.start();
    await waitFor(() => peer.transitions().includes('backup'), { deadline: 90_000, what: 'keepalived to be backup' });
    const from = link.messages.length;
    on.ip('ours', 'link', 'set', 'back', 'down');
    await became(link, 'fault', from);
    assert(!on.addresses('ours').includes('198.51.100.15'));
    await waitFor(() => on.addresses('theirs').includes('198.51.100.15'), {
      deadline: 90_000,
      what: 'keepalived to take over',
    });
    assert.match(on.log('theirs.log'), /received priority 0 advertisement/);
    const up = link.messages.length;
    on.ip('ours', 'link', 'set', 'back', 'up');
    await became(link, 'master', up);
  });

  it('removes the address of a killed run before its first advert', async () => {
    const on = lab();
    const { router, link } = await master(on);
    await router.kill();
    link.close();
    assert(on.addresses('ours').includes('198.51.100.15'));
    router.start();
    const next = await control(router);
    next.send({ type: 'resume', incarnation: '', after: 0 });
    await next.event('residual-address-removed');
    const events = next.messages.filter(({ type }) => type === 'event').map(({ event }) => event?.kind);
    assert.equal(events[0], 'residual-address-removed');
    await became(next, 'master');
  });

  it('announces its addresses five times at once and five times after 5 s', async () => {
    const on = lab();
    const capture = join(on.directory, 'lan.pcap');
    const captured = await on.capture('lan.pcap', 'arp');
    await master(on);
    const times = () => {
      const filter = 'arp.isgratuitous && arp.src.proto_ipv4 == 198.51.100.15';
      const text = sh('tshark', '-r', capture, '-Y', filter, '-T', 'fields', '-e', 'frame.time_relative').trim();
      return text === '' ? [] : text.split('\n').map(Number);
    };
    const sent = await waitFor(() => (times().length >= 10 ? times() : undefined), {
      deadline: 90_000,
      what: 'ten gratuitous ARPs',
      every: 500,
    });
    await captured();
    // One pause between the fives, as long as it should be or, on a busy machine, longer.
    const pauses = sent.slice(1).map((at, i) => at - (sent[i] ?? 0));
    assert.deepEqual(
      pauses.map((pause) => pause > 2.5),
      [0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) => i === 4),
    );
    assert((pauses[4] ?? 0) > 4.5, String(pauses));
  });

  it('reads the adverts that wait for it, however many, before it takes a master for silent', async () => {
    const on = lab();
    const vrids = Array.from({ length: 150 }, (_, i) => i + 1);
    const seconds: Variant = { ...variant, advertMs: 1_000 };
    const router = new OurRouter(on, seconds, 100);
    const instances = (priority: number) =>
      vrids.map((vrid) => ({
        ...router.instance,
        name: `VI_${vrid}`,
        vrid,
        priority,
        addresses: [{ address: `198.51.100.${vrid}`, prefix: 24, interface: 'eth0', advertised: true, scope: 0 }],
      }));
    const [run, file] = [join(on.directory, 'their-run'), join(on.directory, 'theirs.json')];
    mkdirSync(run);
    writeFileSync(file, JSON.stringify(router.settings(...instances(200))));
    on.start('theirs', 'theirs.log', process.execPath, STANDALONE, '--run-dir', run, file);
    const theirs = await Control.connect(run);
    closers.push(() => theirs.close());
    const all = (state: string) => (message: ProcessMessage) =>
      message.snapshot?.instances.length === vrids.length &&
      message.snapshot.instances.every((instance) => instance.state === state);
    theirs.send({ type: 'resume', incarnation: '', after: 0 });
    await theirs.message('masters', all('master'));
    writeFileSync(router.settingsFile, JSON.stringify(router.settings(...instances(100))));
    router.start();
    const link = await control(router);
    link.send({ type: 'resume', incarnation: '', after: 0 });
    await link.message('backups', all('backup'));
    const sent = ({ snapshot }: ProcessMessage) => snapshot?.instances.at(-1)?.counters.advertsSent ?? 0;
    const heard = ({ snapshot }: ProcessMessage) => snapshot?.instances.at(-1)?.counters.advertsReceived ?? 0;
    await link.message('adverts', (message) => heard(message) > 1);
    const before = sent(await theirs.message('adverts', () => true, theirs.messages.length));
    const from = link.messages.length;
    router.signal('SIGSTOP');
    // Master-down time is 3.6 s: all are overdue, and none by as much again.
    await theirs.message('adverts', (message) => sent(message) > before + 4, theirs.messages.length);
    router.signal('SIGCONT');
    const late = await link.message('lateness', ({ snapshot }) => (snapshot?.lateness.late ?? 0) > 0, from);
    assert((late.snapshot?.lateness.worst ?? 0) > 300_000);
    const next = await link.message('adverts', (message) => heard(message) > before + 7, from);
    assert.deepEqual([...new Set(router.transitions())], ['backup']);
    assert(next.snapshot?.instances.every((instance) => instance.counters.becameMaster === 0));
  });

  it('answers for its address while it stops, until keepalived has it', async () => {
    const on = lab();
    on.ipLan('addr', 'add', '198.51.100.9/24', 'dev', 'br0');
    const capture = join(on.directory, 'lan.pcap');
    const tcpdump = on.start(
      'lan',
      'tcpdump.log',
      ...['tcpdump', '-U', '--immediate-mode', '-i', 'br0', '-w', capture, 'proto 112 or icmp'],
    );
    await waitFor(() => on.log('tcpdump.log').includes('listening on'), { deadline: 90_000, what: 'tcpdump' });
    const slow: Variant = { ...variant, advertMs: 1_000 };
    const [router, peer] = [new OurRouter(on, slow, 150), new Keepalived(on, slow, 100)];
    router.start();
    await waitFor(() => router.transitions().includes('master'), { deadline: 90_000, what: 'ours to be master' });
    peer.start();
    await waitFor(() => peer.transitions().includes('backup'), { deadline: 90_000, what: 'keepalived to be backup' });
    const asking = askingEvery10Ms(on.namespace('lan'), '198.51.100.15');
    closers.push(() => clearInterval(asking));
    const seen = () => onTheWire(capture);
    const before = (frames: readonly WireFrame[], which: (frame: WireFrame) => boolean) =>
      frames.slice(0, frames.findIndex(which));
    const isAnswer =
      (host: Host) =>
      ({ mac, priority }: WireFrame) =>
        mac === MACS[host] && priority === undefined;
    await waitFor(() => seen().some(isAnswer('ours')), { deadline: 90_000, what: 'an answer', every: 200 });
    // Whoever signals all processes of a service has control ask for the same.
    const link = await control(router);
    link.send({ type: 'stop', mode: 'release' });
    await router.stop();
    assert(!on.addresses('ours').includes('198.51.100.15'));
    await waitFor(() => seen().some(isAnswer('theirs')), { deadline: 90_000, what: 'its answer', every: 200 });
    tcpdump.kill('SIGTERM');
    const frames = seen();
    const parting = frames.findIndex(({ mac, priority }) => mac === MACS.ours && priority === 0);
    assert(parting > 0, 'it says priority 0');
    const skew = before(frames.slice(parting), ({ mac, priority }) => mac === MACS.theirs && priority !== undefined);
    assert(skew.some(isAnswer('ours')), 'it answers while keepalived waits for its skew time');
    assert(!frames.slice(parting + 1).some(({ mac, priority }) => mac === MACS.ours && priority !== undefined));
  });

  it('counts and survives being stopped for longer than its peers wait', async () => {
    const on = lab();
    const { router, link } = await master(on);
    const peer = new Keepalived(on, variant, 100);
    peer.start();
    await waitFor(() => peer.transitions().includes('backup'), { deadline: 90_000, what: 'keepalived to be backup' });
    router.signal('SIGSTOP');
    await waitFor(() => on.addresses('theirs').includes('198.51.100.15'), {
      deadline: 90_000,
      what: 'keepalived to take over',
    });
    const from = link.messages.length;
    router.signal('SIGCONT');
    const late = await link.message('lateness', ({ snapshot }) => (snapshot?.lateness.late ?? 0) > 0, from);
    assert((late.snapshot?.lateness.worst ?? 0) > 300_000);
    await waitFor(() => on.log('ours.log').includes('a timer was served late: this process was stopped'), {
      deadline: 90_000,
      what: `the reason: ${on.log('ours.log')}`,
    });
    await waitFor(
      () => on.addresses('ours').includes('198.51.100.15') && !on.addresses('theirs').includes('198.51.100.15'),
      { deadline: 90_000, what: 'one owner, the higher priority' },
    );
  });
});

describe('the vrrp process and its control process', () => {
  it('keeps what it has when settings are refused, and says which field is wrong', async () => {
    const on = lab();
    const { router, link } = await master(on);
    link.send({ type: 'configure', revision: 'bad', settings: router.settings({ ...router.instance, priority: 300 }) });
    const refused = await link.message('refusal', ({ type }) => type === 'refused');
    assert.match(refused.reason ?? '', /VI_1.*priority.*300/);
    assert(on.addresses('ours').includes('198.51.100.15'));
  });

  it('changes addresses in place, without leaving master', async () => {
    const on = lab();
    const { router, link } = await master(on);
    const extra = { address: '198.51.100.16', prefix: 24, interface: 'eth0', advertised: true, scope: 0 };
    const old = { address: '198.51.100.15', prefix: 24, interface: 'eth0', advertised: true, scope: 0 };
    const configure = async (revision: string, ...addresses: object[]) => {
      const settings = router.settings({ ...router.instance, addresses });
      link.send({ type: 'configure', revision, settings });
      await link.message('answer', (message) => message.type === 'applied' && message.revision === revision);
      return on.addresses('ours').filter((address) => address.startsWith('198.'));
    };
    assert.deepEqual((await configure('more', old, extra)).sort(), ['198.51.100.15', '198.51.100.16']);
    assert.deepEqual(await configure('less', extra), ['198.51.100.16']);
    assert.deepEqual(router.transitions(), ['backup', 'master']);
  });

  it('hands over when it is drained and comes back only when nobody else is there', async () => {
    const on = lab();
    const { router, link } = await master(on);
    const peer = new Keepalived(on, variant, 100, 'nopreempt');
    peer.start();
    await waitFor(() => peer.transitions().includes('backup'), { deadline: 90_000, what: 'keepalived to be backup' });
    const from = link.messages.length;
    const drained = router.settings({ ...router.instance, priority: 1, standing: 'last-resort' });
    link.send({ type: 'configure', revision: 'drained', settings: drained });
    link.send({ type: 'command', id: 'd1', command: { kind: 'relinquish', instance: 'VI_1' } });
    const done = await link.message('outcome', ({ type }) => type === 'done', from);
    assert.deepEqual(done.outcome, { ok: true });
    await waitFor(() => on.addresses('theirs').includes('198.51.100.15'), {
      deadline: 90_000,
      what: 'keepalived to take over',
    });
    await became(link, 'backup', from);
    const alone = link.messages.length;
    await peer.kill();
    await became(link, 'master', alone);
    link.send({ type: 'command', id: 'd2', command: { kind: 'relinquish', instance: 'nobody' } });
    const failed = await link.message('failure', ({ type, outcome }) => type === 'done' && outcome?.ok === false);
    assert.match(failed.outcome?.reason ?? '', /nobody/);
  });

  it('goes on without it, and tells the next one every event once', async () => {
    const on = lab();
    const { router, link } = await master(on);
    await link.message('master event', ({ event }) => event?.kind === 'state-changed' && event['to'] === 'master');
    const seen = link.messages.findLast(({ type }) => type === 'event')?.seq ?? 0;
    const incarnation = link.messages[0]?.incarnation;
    link.close();
    on.ip('ours', 'addr', 'del', '198.51.100.15/24', 'dev', 'eth0');
    await waitFor(() => on.log('ours.log').includes('vrrp.address-restored'), { deadline: 90_000, what: 'the repair' });
    const next = await control(router);
    next.send({ type: 'resume', incarnation, after: seen });
    await next.event('address-restored');
    const events = next.messages.filter(({ type }) => type === 'event');
    assert.deepEqual(
      events.map(({ seq, event }) => [seq, event?.kind]),
      [
        [seen + 1, 'address-missing'],
        [seen + 2, 'address-restored'],
      ],
    );
    assert.equal(next.messages[0]?.incarnation, incarnation);
  });

  it('leaves everything in place when it is told to', async () => {
    const on = lab();
    const { link } = await master(on);
    link.send({ type: 'stop', mode: 'leave' });
    await waitFor(() => on.log('ours.log').includes('"reason":"stopped"'), { deadline: 90_000, what: 'the end' });
    assert(on.addresses('ours').includes('198.51.100.15'));
  });

  it('refuses to run twice', async () => {
    const on = lab();
    const { router } = await master(on);
    const second = on.start('ours', 'second.log', ...router.command());
    const [code] = (await once(second, 'exit')) as [number];
    assert.notEqual(code, 0);
    assert.match(on.log('second.log'), /already runs/);
    assert(on.addresses('ours').includes('198.51.100.15'));
  });
});

describe('packets of a foreign peer that are wrong', () => {
  it.each<[string, string, Variant]>([
    ['auth-failure', 'another password', { ...v2, password: 'guess' }],
    ['auth-type', 'no authentication', withoutPassword],
    ['version', 'version 3', { ...variant, advertMs: 1_000 }],
    ['advert-interval', 'another interval', { ...v2, advertMs: 2_000 }],
    ['address-list', 'other addresses', { ...v2, address: '198.51.100.99' }],
  ])('are counted as %s: %s', async (kind, _, peerVariant) => {
    const on = lab();
    const router = new OurRouter(on, v2, 50);
    const peer = new Keepalived(on, peerVariant, 200);
    peer.start();
    router.start();
    const link = await control(router);
    link.send({ type: 'resume', incarnation: '', after: 0 });
    const event = await link.event('bad-packet');
    assert.equal(event.event?.['error'], kind);
    // Not two of them: keepalived 2.2.7 as master puts off its next advert whenever it drops one of ours.
    const counted = await link.message(
      'the count',
      ({ snapshot }) => (snapshot?.instances[0]?.counters.errors[kind] ?? 0) > 0,
    );
    const errors = Object.entries(counted.snapshot?.instances[0]?.counters.errors ?? {}).filter(
      ([, count]) => count > 0,
    );
    assert.deepEqual(
      errors.map(([name]) => name),
      [kind],
    );
  });
});

interface WireFrame {
  readonly mac: string;
  /** Of an advert; of the answer to an echo request, nothing. */
  readonly priority: number | undefined;
}

function onTheWire(capture: string): WireFrame[] {
  const fields = ['-T', 'fields', '-e', 'eth.src', '-e', 'vrrp.prio'];
  const text = sh('tshark', '-r', capture, '-Y', 'vrrp || icmp.type == 0', ...fields).trim();
  return text.split('\n').map((line) => {
    const [mac = '', priority = ''] = line.split('\t');
    return { mac, priority: priority === '' ? undefined : Number(priority) };
  });
}

/** ICMP echo requests out of a namespace whose interface to the LAN is br0. */
function askingEvery10Ms(namespace: string, target: string): NodeJS.Timeout {
  const socket = inNetworkNamespace(namespace, () => {
    const device = new Rtnetlink().links().find(({ name }) => name === 'br0');
    assert(device !== undefined);
    const settings = { family: 'ipv4', protocol: 1, interface: device, hopLimit: 64, trafficClass: 0 } as const;
    return new RawIpSocket(settings, { packet: () => undefined, error: () => undefined });
  });
  const request = new Uint8Array([8, 0, 0, 0, 0x6b, 0x66, 0, 1]);
  const checksum = internetChecksum(request);
  request.set([checksum >> 8, checksum & 0xff], 2);
  closers.push(() => socket.close());
  return setInterval(() => socket.send(request, ip(target)), 10);
}
