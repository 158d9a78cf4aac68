import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import type { GuestStep } from './ipvs-guest.ts';
import { OurNode } from './ipvs-node.ts';

const DEADLINE = 240_000;
const until = (what: string, condition: () => unknown) =>
  waitFor(() => Boolean(condition()), { deadline: DEADLINE, what, every: 300 });

async function onNode(name: string, run: (node: OurNode) => Promise<void>): Promise<void> {
  const node = new OurNode(name);
  try {
    await run(node);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${node.wholeLog}`, { cause: error });
  } finally {
    await node.stop();
    await node.remove();
  }
}

const service = (port: number, lines: string, server: string, extra = '') =>
  `virtual_server 198.51.100.15 ${port} {\n  protocol TCP\n  lvs_method NAT\n  ${lines}\n  real_server ${server} ${port} {\n${extra}  }\n}\n`;
const six = (server: string) =>
  `virtual_server 2001:db8::15 80 {\n  protocol TCP\n  lvs_method NAT\n  lvs_sched rr\n  real_server ${server} 80 {\n  }\n}\n`;
const daemon = 'global_defs {\n  lvs_sync_daemon kf0 id 7\n}\n';

/** What a kernel cannot do and why it says so; the file has each of them at a line that is told. */
const wrong = [
  daemon,
  service(80, 'lvs_sched nosuch', '192.168.1.1'),
  service(81, 'lvs_sched rr\n  persistence_timeout 50\n  persistence_engine nosuch', '192.168.1.1'),
  service(82, 'lvs_sched rr', '192.168.1.1').replace('NAT', 'TUN').replace('192.168.1.1', 'fd00::1'),
  service(83, 'lvs_sched rr', '224.0.0.5'),
  service(84, 'lvs_sched rr', '192.168.1.1', '    uthreshold 5\n    lthreshold 10\n'),
  six('ff02::1'),
].join('');
const refused: readonly (readonly [object: string, line: string, reason: RegExp])[] = [
  ['add service tcp/198.51.100.15:80 (nosuch)', 'virtual_server 198.51.100.15 80 ', /^ENOENT: .*ip_vs_nosuch.*install/],
  ['add service tcp/198.51.100.15:81 (rr)', 'virtual_server 198.51.100.15 81 ', /^ENOENT: .*ip_vs_pe_nosuch.*install/],
  ['add server 224.0.0.5:83 weight 1 to tcp/198.51.100.15:83', 'real_server 224.0.0.5 ', /EINVAL.*multicast/],
  ['add server 192.168.1.1:84 weight 1 to tcp/198.51.100.15:84', 'real_server 192.168.1.1 84', /ERANGE.*lthreshold 10/],
  ['add server [ff02::1]:80 weight 1 to tcp/[2001:db8::15]:80', 'real_server ff02::1 ', /EINVAL.*multicast/],
  [
    'start the master sync daemon on kf0 with id 7',
    'lvs_sync_daemon',
    /EINVAL.*tunnels to servers of the other family/,
  ],
  [
    'start the backup sync daemon on kf0 with id 7',
    'lvs_sync_daemon',
    /EINVAL.*tunnels to servers of the other family/,
  ],
];
const right = [daemon, service(80, 'lvs_sched rr', '192.168.1.1'), six('fd00::1')].join('');
const mixed = service(82, 'lvs_sched rr', '192.168.1.1').replace('NAT', 'TUN').replace('192.168.1.1', 'fd00::1');

interface Refused {
  readonly kind?: string;
  readonly what?: string;
  readonly reason?: string;
  readonly place?: string | null;
}

const toldBy = (node: OurNode) =>
  node.wholeLog
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Refused] : []))
    .filter(({ kind }) => kind === 'operation-refused');

async function refusals(node: OurNode): Promise<void> {
  node.ip('link', 'add', 'kf0', 'type', 'dummy');
  node.ip('link', 'set', 'kf0', 'up');
  node.ip('address', 'add', '192.0.2.1/24', 'dev', 'kf0');
  const place = (text: string, line: string) =>
    `${node.config}:${text.split('\n').findIndex((each) => each.trim().startsWith(line)) + 1}`;

  await node.start(wrong);
  await until('all refusals', () => toldBy(node).length >= refused.length);
  // Some readings, each of which tries all of them again.
  const at = performance.now();
  await until('some readings', () => performance.now() > at + 7_000);
  const told = toldBy(node);
  assert.deepEqual(told.map(({ what }) => what).sort(), refused.map(([what]) => what).sort(), 'each is told once');
  for (const [what, line, reason] of refused) {
    const one = told.find((each) => each.what === what);
    assert.match(one?.reason ?? '', reason);
    assert.equal(one?.place, place(wrong, line));
  }
  assert.doesNotMatch(node.wholeLog, /sync-daemon-started/);
  assert.ok(node.table().includes('-a -t 198.51.100.15:82 -r [fd00::1]:82 -i -w 1 --tun-type ipip'));

  node.reload(right);
  await until('all that is right', () =>
    ['192.168.1.1:80 ', '[fd00::1]:80 '].every((server) => node.table().some((line) => line.includes(`-r ${server}`))),
  );
  await until('the sync daemons', () =>
    /^master[^]*^backup|^backup[^]*^master/m.test(node.run('ipvsadm', '-Ln', '--daemon')),
  );
  assert.equal(toldBy(node).length, refused.length);

  // The other way round.
  node.reload(right + mixed);
  await until('a refusal of a server of the other family', () => toldBy(node).length > refused.length);
  const last = toldBy(node).at(-1);
  assert.match(last?.reason ?? '', /EINVAL.*other family.*lvs_sync_daemon/);
  assert.equal(last?.place, place(right + mixed, 'real_server fd00::1 82'));
}

/** 1024 services, so that a list of them comes in many parts. */
const many = (weight: number) =>
  `virtual_server_group G {\n  198.51.100.0/22 80\n}\nvirtual_server group G {\n  protocol TCP\n  lvs_sched rr\n  lvs_method NAT\n  real_server 192.168.1.1 80 {\n    weight ${weight}\n  }\n}\n`;

/** Takes a copy of a socket of another process (pidfd_open, pidfd_getfd) and asks for IPVS_CMD_GET_SERVICE as a dump. */
const listThere = `my ($pid, $fd, $family) = @ARGV;
my $process = syscall(434, $pid + 0, 0);
my $copy = syscall(438, $process, $fd + 0, 0);
die "no copy: $!" if $copy < 0;
open(my $socket, "+<&=", $copy) or die $!;
syswrite($socket, pack("L S S L L C C S", 20, hex($family), 0x301, 4000000000, 0, 4, 1, 0)) == 20 or die $!;`;

/**
 * The one EBUSY that a kernel with IPVS answers: a list is asked for on a socket on which another one is still being read.
 * The process never does that, so it is done to it. ip_vs itself has no such answer, neither to changes nor to rmmod.
 */
async function busy(node: OurNode): Promise<void> {
  await node.start(many(1));
  await until('the table', () => node.table().length === 2_048);
  const before = node.table();
  const pid = readFileSync(join(node.directory, 'run/lvs.pid'), 'utf8').trim();
  const generic = readFileSync(`/proc/${pid}/net/netlink`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/ +/))
    .flatMap(([, protocol, , , , , , , , inode]) => (protocol === '16' ? [`socket:[${inode}]`] : []));
  const descriptor = readdirSync(`/proc/${pid}/fd`).find((fd) =>
    generic.includes(readlinkSync(`/proc/${pid}/fd/${fd}`)),
  );
  const family = /ID: (0x[\da-f]+)/.exec(node.run('genl', 'ctrl', 'get', 'name', 'IPVS'))?.[1] ?? '';
  node.run('perl', '-e', listThere, pid, descriptor ?? '', family);
  await until('the report', () => /ipvs-unavailable.*EBUSY/.test(node.wholeLog));
  const [line = ''] = /.*ipvs-unavailable.*EBUSY.*/.exec(node.wholeLog) ?? [];
  assert.match(line, /EBUSY \(list the sync daemons of IPVS\)/, 'the object');
  assert.match(line, /it is read anew.*see what else works on IPVS/, 'the remedy');
  await until('the end of it', () => /"ipvs-available"/.test(node.wholeLog));
  assert.deepEqual(node.table(), before);
  node.reload(many(2));
  await until('a change', () => node.table().filter((each) => each.endsWith('-w 2')).length === 1_024);
  assert.doesNotMatch(node.wholeLog, /drift-repaired|operation-refused/);
}

const group = (name: string, address: string) =>
  `virtual_server_group ${name} {\n  ${address} 80\n}\nvirtual_server group ${name} {\n  protocol TCP\n  lvs_sched rr\n  lvs_method NAT\n  real_server 192.168.1.1 80 {\n  }\n}\n`;
const marking = 'global_defs {\n  nftables_ipvs marks\n}\n';

/**
 * The guest's nf_tables has no family ip: what is called instead keeps what IPVS has at the moment of the call. The agent finds
 * its rules missing, and calls again with the same.
 */
async function marksInOrder(node: OurNode): Promise<void> {
  const calls = join(node.directory, 'calls');
  mkdirSync(calls);
  const nft = join(node.directory, 'nft');
  writeFileSync(
    nft,
    `#!/bin/sh
script=$(cat)
[ "$script" = "$(cat ${nft}.last)" ] && exit
echo "$script" >${nft}.last
case $script in *"ip marks"*) cp /proc/net/ip_vs ${calls}/$(date +%s%N);; esac
`,
    { mode: 0o755 },
  );
  node.environment = { ...process.env, PATH: `${node.directory}:${process.env['PATH'] ?? ''}` };
  const services = (file: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line) => /^(FWM|TCP) +(\S+)/.exec(line)?.slice(1).join(' ') ?? [])
      .sort();
  /** What IPVS had when the marks changed for the `count`th time. */
  const atCall = async (count: number) => {
    await until(`marks for the ${count}. time`, () => readdirSync(calls).length >= count);
    const files = readdirSync(calls).sort();
    assert.equal(files.length, count);
    return services(join(calls, files[count - 1] ?? ''));
  };
  const now = () => services(`/proc/${readFileSync(join(node.directory, 'run/lvs.pid'), 'utf8').trim()}/net/ip_vs`);
  const [one, two, address] = ['FWM 000003E8', 'FWM 000003E9', 'TCP C6336414:0050'];

  await node.start(marking + group('ONE', '198.51.100.10'));
  assert.deepEqual(await atCall(1), [one], 'a mark is given when its service is there');
  node.reload(marking + group('TWO', '198.51.100.20'));
  assert.deepEqual(await atCall(2), [one, two], 'after the service that comes, before the one that goes');
  await until('the end of the first', () => now().join() === two);
  node.reload(group('TWO', '198.51.100.20'));
  assert.deepEqual(await atCall(3), [two, address], 'switched off');
  await until('the end of the mark', () => now().join() === address);
  node.reload(marking + group('TWO', '198.51.100.20'));
  assert.deepEqual(await atCall(4), [one, address], 'switched on again');
  await until('the end of the address', () => now().join() === one);
  await node.stop();
  assert.deepEqual(await atCall(5), [one], 'at the end');
  assert.deepEqual(node.table(), []);
}

export const refusalSteps: readonly GuestStep[] = [
  {
    name: 'refusals: each is told once with errno, object, reason and line, and over when the file is right',
    run: () => onNode('kf-refuse', refusals),
  },
  { name: 'refusals: EBUSY is reported and recovered from', run: () => onNode('kf-busy', busy) },
  {
    name: 'marks: nftables gives them after the services come, and takes them before the services go',
    run: () => onNode('kf-marks', marksInOrder),
  },
];
