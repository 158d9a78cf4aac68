import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import { afterEach, describe, it } from 'vitest';
import { Control, Lab, STANDALONE, sh } from './vrrp-stand.ts';

// Our vrrp process and what its keepalived.conf has it watch, run, filter and tell: real processes, scripts, packets, pipes.

const DEADLINE_MS = 90_000;
const VIP = '198.51.100.15';
/** Of curl. */
const REFUSED = 7;
const TIMED_OUT = 28;

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function lab(): Lab {
  const made = new Lab();
  closers.push(() => made.close());
  return made;
}

/** Our process with a keepalived.conf. */
async function started(on: Lab, conf: string): Promise<Control> {
  const file = join(on.directory, 'k.conf');
  const runDirectory = join(on.directory, 'run');
  mkdirSync(runDirectory);
  writeFileSync(file, conf);
  on.start('ours', 'ours.log', process.execPath, STANDALONE, '--run-dir', runDirectory, file);
  const link = await Control.connect(runDirectory);
  closers.push(() => link.close());
  link.send({ type: 'resume', incarnation: '', after: 0 });
  return link;
}

const instance = (lines: string, n = 1, address = VIP) =>
  `vrrp_instance VI_${n} {\n interface eth0\n virtual_router_id ${n}\n version 3\n advert_int 0.1\n virtual_ipaddress {\n ${address}/24\n }\n ${lines}\n}\n`;

const became = (link: Control, state: string, from = 0) =>
  link.message(`state ${state}`, ({ snapshot }) => snapshot?.instances[0]?.state === state, from);

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a tracked process', () => {
  it('that ends makes a fault, and one that begins takes it away', async () => {
    const on = lab();
    // Of a name that no other process of this machine has.
    const program = join(on.directory, `kft${process.pid}`);
    copyFileSync('/bin/sleep', program);
    const run = (): ChildProcess => spawn(program, ['3600'], { stdio: 'ignore' });
    const first = run();
    closers.push(() => void first.kill('SIGKILL'));
    const link = await started(
      on,
      `vrrp_track_process P {\n process ${program}\n}\n${instance('track_process {\n P\n }')}`,
    );
    await became(link, 'master');
    const ended = link.messages.length;
    first.kill('SIGKILL');
    await once(first, 'exit');
    const { snapshot } = await became(link, 'fault', ended);
    assert.deepEqual(snapshot?.instances[0]?.causes, [{ kind: 'tracker-down', tracker: 'process', name: 'P' }]);
    const again = link.messages.length;
    const second = run();
    closers.push(() => void second.kill('SIGKILL'));
    await became(link, 'master', again);
  });
});

describe('a track group', () => {
  it('has its instance in fault while its static address has no interface, and not for one that is put back', async () => {
    const on = lab();
    const statics = 'static_ipaddress {\n 203.0.113.7/24 dev eth7 track_group G\n}\n';
    const link = await started(on, `${statics}track_group G {\n group {\n VI_1\n }\n}\n${instance('')}`);
    const { snapshot } = await became(link, 'fault');
    assert.deepEqual(snapshot?.instances[0]?.causes, [{ kind: 'static-missing', entry: '203.0.113.7/24 dev eth7' }]);
    // Of what was before the link, snapshots come first.
    await link.message('fault', ({ event }) => event?.kind === 'state-changed' && event['to'] === 'fault');
    const made = link.messages.length;
    on.ip('ours', 'link', 'add', 'eth7', 'type', 'veth', 'peer', 'name', 'eth8');
    await became(link, 'master', made);
    await waitFor(() => on.addresses('ours').includes('203.0.113.7'), { deadline: DEADLINE_MS, what: 'the address' });
    const removed = link.messages.length;
    on.ip('ours', 'address', 'del', '203.0.113.7/24', 'dev', 'eth7');
    await link.event('address-restored', removed);
    assert(on.addresses('ours').includes('203.0.113.7'));
    const gone = link.messages.length;
    on.ip('ours', 'link', 'del', 'eth7');
    await became(link, 'fault', gone);
    const states = link.messages
      .slice(made, gone)
      .flatMap(({ event }) => (event?.kind === 'state-changed' ? [event['to']] : []));
    assert.deepEqual(states, ['backup', 'master']);
  });
});

describe('a tracked script', () => {
  it('that hangs fails, and is ended with all that it started', async () => {
    const on = lab();
    const script = join(on.directory, 'check');
    const pids = join(on.directory, 'pids');
    const hangs = join(on.directory, 'hangs');
    const text = `#!/bin/sh\n[ -e ${hangs} ] || exit 0\ntrap '' TERM\nsleep 3600 &\necho $$ $! >> ${pids}\nwait\nsleep 3600\n`;
    writeFileSync(script, text);
    chmodSync(script, 0o755);
    const tracked = `vrrp_script S {\n script ${script}\n interval 1\n timeout 5\n fall 1\n rise 1\n user root\n}\n`;
    const link = await started(on, `${tracked}${instance('track_script {\n S\n }')}`);
    await became(link, 'master');
    const from = link.messages.length;
    writeFileSync(hangs, '');
    await became(link, 'fault', from);
    const started1 = readFileSync(pids, 'utf8').split('\n')[0]?.split(' ').map(Number) ?? [];
    assert.equal(started1.length, 2);
    await waitFor(() => started1.every((pid) => !isRunning(pid)), {
      deadline: DEADLINE_MS,
      what: 'the end of the script',
    });
  });
});

describe('the filter of unaccepted addresses', () => {
  it.each([
    ['no_accept', false],
    ['accept', true],
  ])('with %s lets packets to the address in: %s', async (keyword, answers) => {
    const on = lab();
    on.ip('theirs', 'route', 'add', '198.51.100.0/24', 'dev', 'eth0');
    on.ip('ours', 'addr', 'add', '198.51.100.1/24', 'dev', 'eth0');
    const link = await started(on, instance(keyword));
    await became(link, 'master');
    // Nobody listens there: a refusal is an answer.
    const answer = (address: string) =>
      spawnSync('ip', ['netns', 'exec', on.namespace('theirs'), 'curl', '-s', '-m', '3', `http://${address}:81/`])
        .status;
    assert.equal(answer('198.51.100.1'), REFUSED);
    assert.equal(answer(VIP), answers ? REFUSED : TIMED_OUT);
    // It is the router all the same: hosts find out where the address is.
    assert.match(on.ip('theirs', 'neigh', 'show', VIP), /02:00:00:00:00:01/);
  });
});

describe('a notification pipe that nobody reads', () => {
  it('takes what it has room for, whole lines only, is told as full once, and takes lines again', async () => {
    const on = lab();
    const fifo = join(on.directory, 'fifo');
    const count = 250;
    const addresses = Array.from({ length: count }, (_, i) => `198.51.100.${i + 1}`);
    const conf = `global_defs {\n vrrp_notify_fifo ${fifo}\n}\n${addresses.map((address, i) => instance('', i + 1, address)).join('')}`;
    const link = await started(on, conf);
    const all = (state: string, from: number) =>
      link.message(
        `all ${state}`,
        ({ snapshot }) => snapshot?.instances.every((one) => one.state === state) === true,
        from,
      );
    let from = 0;
    let overflow;
    // Each round writes two lines an instance; a pipe has room for 64 KiB.
    for (let round = 0; round < 20 && overflow === undefined; round++) {
      await all('master', from);
      overflow = link.messages.find(({ event }) => event?.kind === 'fifo-overflow');
      from = link.messages.length;
      for (let n = 1; n <= count; n++)
        link.send({ type: 'command', id: `${round}/${n}`, command: { kind: 'relinquish', instance: `VI_${n}` } });
    }
    assert.equal(overflow?.event?.['path'], fifo);
    await all('master', from);
    assert.equal(link.messages.filter(({ event }) => event?.kind === 'fifo-overflow').length, 1);
    const full = await link.message('dropped', ({ snapshot }) => (snapshot?.notifyFifos?.[0]?.dropped ?? 0) > 0, from);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    closers.push(() => closeSync(reader));
    const lines = () => {
      const piece = Buffer.alloc(1 << 20);
      let text = '';
      try {
        for (let length = readSync(reader, piece); length > 0; length = readSync(reader, piece))
          text += piece.toString('utf8', 0, length);
      } catch (error) {
        assert(error instanceof Error && 'code' in error && error.code === 'EAGAIN');
      }
      return text.split('\n').slice(0, -1);
    };
    const kept = lines();
    assert.equal(kept.length, full.snapshot?.notifyFifos?.[0]?.written);
    for (const line of kept) assert.match(line, /^INSTANCE "VI_\d+" (BACKUP|MASTER) 100$/);
    link.send({ type: 'command', id: 'after', command: { kind: 'relinquish', instance: 'VI_7' } });
    const later: string[] = [];
    await waitFor(
      () => {
        later.push(...lines());
        return later.includes('INSTANCE "VI_7" MASTER 100');
      },
      { deadline: DEADLINE_MS, what: `lines after the overflow (${later.join()})` },
    );
    assert.deepEqual(later, ['INSTANCE "VI_7" BACKUP 100', 'INSTANCE "VI_7" MASTER 100']);
    assert(existsSync(fifo));
    await waitFor(() => /takes lines again; \d+ are lost/.test(on.log('ours.log')), {
      deadline: DEADLINE_MS,
      what: 'the word of it',
    });
  });
});

describe('a master that is told to announce', () => {
  it('sends its five announcements at once, and a backup says that only a master does', async () => {
    const on = lab();
    const link = await started(on, instance('garp_master_delay 0'));
    await became(link, 'master');
    const capture = join(on.directory, 'lan.pcap');
    const captured = await on.capture('lan.pcap', 'arp');
    const announce = async (id: string, name: string) => {
      link.send({ type: 'command', id, command: { kind: 'announce', instance: name } });
      const from = link.messages.length;
      return (await link.message(`outcome of ${id}`, ({ type }) => type === 'done', from)).outcome;
    };
    assert.deepEqual(await announce('a1', 'VI_1'), { ok: true });
    const sent = () =>
      sh(
        'tshark',
        '-r',
        capture,
        '-Y',
        `arp.isgratuitous && arp.src.proto_ipv4 == ${VIP}`,
        '-T',
        'fields',
        '-e',
        'eth.src',
      ).trim();
    await waitFor(() => sent().split('\n').length >= 5, {
      deadline: DEADLINE_MS,
      what: 'five announcements',
      every: 500,
    });
    await captured();
    assert.equal(sent(), Array.from({ length: 5 }, () => '02:00:00:00:00:01').join('\n'));
    const from = link.messages.length;
    link.send({ type: 'command', id: 'r', command: { kind: 'relinquish', instance: 'VI_1' } });
    await link.message('relinquished', ({ type }) => type === 'done', from);
    assert.match((await announce('a2', 'VI_1'))?.reason ?? '', /VI_1 is backup here: only a master/);
    assert.match((await announce('a3', 'VI_9'))?.reason ?? '', /no instance VI_9/);
  });
});

describe('garp_extra_if', () => {
  it('announces on a virtual interface that carries no adverts, as keepalived does, and nothing does without it', async () => {
    const on = lab();
    for (const host of ['ours', 'theirs'] as const) {
      const [space, far] = [on.namespace('lan'), `${host}1`];
      on.ip(host, 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', far, 'netns', space);
      sh('ip', '-n', space, 'link', 'set', far, 'master', 'br0', 'up');
      on.ip(host, 'link', 'set', 'eth1', 'up');
    }
    const two = (n: number, extra: string) =>
      instance(
        `use_vmac\n use_vmac_addr\n garp_master_delay 0\n garp_master_repeat 1\n ${extra}\n virtual_ipaddress_excluded {\n 203.0.113.${n}/24 dev eth1\n }`,
        n,
        `198.51.100.${n}`,
      );
    const conf = join(on.directory, 'theirs.conf');
    writeFileSync(conf, two(2, 'garp_extra_if 1'));
    const captured = await on.capture('lan.pcap', 'arp');
    const pids = ['-p', join(on.directory, 'ka.pid'), '-r', join(on.directory, 'ka-vrrp.pid')];
    on.start('theirs', 'theirs.log', 'keepalived', '-n', '-l', '-D', '-P', '-f', conf, ...pids);
    await started(on, `${two(1, 'garp_extra_if 1')}${two(3, '')}`);
    /** When an address was announced, by whom. */
    const sent = (address: string) => {
      const fields = ['-T', 'fields', '-e', 'frame.time_relative', '-e', 'eth.src'];
      const filter = `arp.isgratuitous && arp.src.proto_ipv4 == ${address}`;
      const text = sh('tshark', '-r', join(on.directory, 'lan.pcap'), '-Y', filter, ...fields).trim();
      return text === '' ? [] : text.split('\n').map((line) => line.split('\t'));
    };
    await waitFor(() => [1, 2].every((n) => sent(`203.0.113.${n}`).length >= 4) && sent('203.0.113.3').length > 0, {
      deadline: DEADLINE_MS,
      what: `four announcements of each: ${on.log('theirs.log').slice(-1_500)}`,
      every: 500,
    });
    await captured();
    for (const n of [1, 2]) {
      const all = sent(`203.0.113.${n}`);
      assert.deepEqual([...new Set(all.map(([, mac]) => mac))], [`00:00:5e:00:01:0${n}`]);
      // The first one is that of a new master; no other comes before its second is over.
      const [first = 0, last = 0] = [all[0], all.at(-1)].map((one) => Number(one?.[0]));
      assert(last - first > all.length - 2, all.join('; '));
      // Where the adverts go out, nobody needs to be told where the virtual MAC is.
      assert.equal(sent(`198.51.100.${n}`).length, 1);
    }
    assert.equal(sent('203.0.113.3').length, 1);
  });
});
