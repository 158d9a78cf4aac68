// Makes a fresh clone ready: `node tools/setup.mjs lab|test` installs what is missing and builds what has changed, and
// says nothing when there is nothing to do. Plain JavaScript for Node 20: nothing is installed when it starts.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const purpose = process.argv[2] ?? 'lab';

/** Debian's packages: the file that shows that one is there, what it is for, and who needs it. */
const packages = [
  { name: 'iproute2', file: 'ip', for: 'namespaces and links', by: ['lab', 'test'] },
  { name: 'util-linux', file: 'taskset', for: 'CPUs and namespaces of the directors', by: ['lab', 'test'] },
  { name: 'kmod', file: 'modprobe', for: 'kernel modules', by: ['lab', 'test'] },
  { name: 'nftables', file: 'nft', for: 'partitions, and the hand-over of a node', by: ['lab', 'test'] },
  { name: 'socat', file: 'socat', for: "the controller on the machine's loopback", by: ['lab', 'test'] },
  { name: 'openssl', file: 'openssl', for: "the lab's certificates", by: ['lab', 'test'] },
  { name: 'curl', file: 'curl', for: 'the client', by: ['lab', 'test'] },
  { name: 'nginx-light', file: 'nginx', for: 'the web servers', by: ['lab', 'test'] },
  { name: 'snmpd', file: 'snmpd', for: "the directors' SNMP agent", by: ['lab', 'test'] },
  { name: 'snmp', file: 'snmpwalk', for: 'SNMP by hand', by: ['lab', 'test'] },
  { name: 'snmptrapd', file: 'snmptrapd', for: 'the receiver of notifications in the tests', by: ['test'] },
  { name: 'smitools', file: 'smidump', for: 'the MIB files of the tests', by: ['test'] },
  { name: 'ipvsadm', file: 'ipvsadm', for: 'a look at the kernel by hand', by: ['lab', 'test'] },
  { name: 'keepalived', file: 'keepalived', for: 'its MIB, and the peer of the tests', by: ['lab', 'test'] },
  { name: 'frr', file: '/usr/lib/frr/vrrpd', for: 'the other VRRP peer of the tests', by: ['test'] },
  { name: 'serf', file: 'serf', for: 'the gossip peer of the tests', by: ['test'] },
  { name: 'prometheus', file: 'promtool', for: 'the reader of the metrics in the tests', by: ['test'] },
  { name: 'rrdtool', file: 'rrdtool', for: 'the graph of the article', by: ['test'] },
  { name: 'dnsmasq-base', file: 'dnsmasq', for: 'a name server for the checks of the tests', by: ['test'] },
  { name: 'tshark', file: 'tshark', for: 'a judge of those packets', by: ['test'] },
  { name: 'gcc', file: 'gcc', for: 'keepalived on a kernel without IPVS', by: ['test'] },
  { name: 'libc6-dev', file: '/usr/include/dlfcn.h', for: 'its library', by: ['test'] },
  { name: 'tcpdump', file: 'tcpdump', for: 'the packets of the tests', by: ['test'] },
  { name: 'user-mode-linux', file: 'linux.uml', for: 'a kernel with ip_vs', by: ['lab', 'test'], unless: hasIpvs },
];
/** Daemons that the packages bring along: the lab starts its own, the machine shall not. */
const daemons = ['nginx', 'snmpd', 'keepalived', 'serf', 'frr', 'snmptrapd', 'prometheus'];
const policy = '/usr/sbin/policy-rc.d';
const savedPolicy = `${policy}.keepfleet-saved`;
const oldestNode = 20;
let began;

try {
  const [major] = process.versions.node.split('.');
  if (Number(major) < oldestNode) {
    fail(`Node ${oldestNode} or newer is needed, and ${process.execPath} is ${process.versions.node}`);
  }
  if (purpose !== 'lab' && purpose !== 'test') fail(`setup knows lab and test, not "${purpose}"`);
  if (process.getuid?.() !== 0) fail('the lab makes namespaces and needs root: run this as root, or with sudo');
  // With a lab that runs, everything is there, and its programs are not to be changed below it.
  if (purpose !== 'lab' || !labRuns()) {
    installModules();
    installPackages();
    build();
  }
} catch (error) {
  process.stderr.write(`setup: ${error instanceof Error ? error.message : String(error)}\n`);
  // The last line of `npm test`, whatever happens.
  if (purpose === 'test') process.stdout.write('0 passed, 1 failed\n');
  process.exitCode = 1;
}

function installModules() {
  const lock = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules/.package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  // A checkout touches the lock without changing it: what npm noted down decides.
  const stamp = join(root, 'node_modules/.keepfleet-lock');
  const digest = createHash('sha256').update(readFileSync(lock)).digest('hex');
  if (existsSync(installed) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  step('npm packages (npm ci)', () => {
    run('npm', ['ci', '--no-audit', '--no-fund'], 'is there a network? By hand: npm ci');
  });
  writeFileSync(stamp, digest);
}

function installPackages() {
  const missing = packages.filter((each) => each.by.includes(purpose) && !isThere(each.file) && !each.unless?.());
  if (missing.length === 0) return;
  const names = missing.map((each) => each.name);
  const byHand = `apt-get install --no-install-recommends ${names.join(' ')}`;
  if (!isThere('apt-get')) {
    fail(
      `missing: ${missing.map((each) => `${each.file} (${each.for})`).join(', ')}; without apt-get, install them by hand`,
    );
  }
  step(`Debian packages: ${missing.map((each) => `${each.name} (${each.for})`).join(', ')}`, () => {
    withoutStarting(() => {
      const environment = { DEBIAN_FRONTEND: 'noninteractive' };
      const install = ['install', '-y', '-q', '--no-install-recommends', '--no-upgrade', ...names];
      // The lists may be old or absent; a first try without them saves their download where they are not.
      if (spawnSync('apt-get', install, { env: { ...process.env, ...environment } }).status === 0) return;
      run('apt-get', ['update', '-q'], `is there a network? By hand: apt-get update && ${byHand}`, environment);
      run('apt-get', install, `by hand: ${byHand}`, environment);
    });
    // Installed for the lab, not for the machine: they shall not start with it either.
    if (!isThere('systemctl')) return;
    for (const name of daemons) {
      if (names.some((each) => each === name || each === `${name}-light`)) spawnSync('systemctl', ['disable', name]);
    }
  });
}

/** While `work` runs, no package may start, stop or restart a service; a policy that was there comes back. */
function withoutStarting(work) {
  const restore = () => {
    if (existsSync(savedPolicy)) renameSync(savedPolicy, policy);
    else rmSync(policy, { force: true });
  };
  // One that is saved already is the machine's own, from a run that was killed here.
  if (existsSync(policy) && !existsSync(savedPolicy)) renameSync(policy, savedPolicy);
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const interrupted = () => {
    restore();
    process.exit(130);
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    work();
  } finally {
    restore();
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
}

function build() {
  const stamp = join(root, '.lab/built');
  const digest = sourceDigest();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest && bundlesAreThere()) return;
  step('build (nx run-many -t build)', () => {
    const node = join(root, 'node_modules/.bin');
    run(join(node, 'nx'), ['run-many', '-t', 'build'], 'by hand: npm run build', {
      NX_DAEMON: 'false',
      PATH: `${node}:${process.env['PATH']}`,
    });
  });
  mkdirSync(join(root, '.lab'), { recursive: true });
  writeFileSync(stamp, digest);
}

/** Names, sizes and times of what a build reads. */
function sourceDigest() {
  const hash = createHash('sha256');
  const visit = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (['node_modules', 'dist', '.nx'].includes(entry.name)) continue;
      const path = join(directory, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) {
        const { size, mtimeMs } = statSync(path);
        hash.update(`${path} ${size} ${mtimeMs}\n`);
      }
    }
  };
  for (const directory of ['libs', 'apps', 'proto'])
    if (existsSync(join(root, directory))) visit(join(root, directory));
  for (const file of ['package-lock.json', 'nx.json', 'tsconfig.base.json']) {
    hash.update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

/** A dist directory that somebody removed is no change of a source. */
function bundlesAreThere() {
  return readdirSync(join(root, 'apps')).every((app) => {
    const manifest = join(root, 'apps', app, 'package.json');
    if (!existsSync(manifest)) return true;
    const builds = JSON.parse(readFileSync(manifest, 'utf8')).scripts?.build !== undefined;
    return !builds || existsSync(join(root, 'apps', app, 'dist'));
  });
}

/** Of this checkout; another's says nothing about what is installed and built here. */
function labRuns() {
  const word = process.env['KEEPFLEET_LAB'] ?? '';
  try {
    const { pid } = JSON.parse(readFileSync(`/run/keepfleet-lab${word === '' ? '' : `-${word}`}/lab.json`, 'utf8'));
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(root, 'test/lab/src/main.ts'));
  } catch {
    return false;
  }
}

function hasIpvs() {
  if (existsSync('/proc/net/ip_vs')) return true;
  return ['modules.dep', 'modules.builtin'].some((list) => {
    const path = join('/lib/modules', release(), list);
    return existsSync(path) && /\/ip_vs\.ko/.test(readFileSync(path, 'utf8'));
  });
}

function isThere(file) {
  if (file.startsWith('/')) return existsSync(file);
  const places = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  return places.some((place) => place !== '' && existsSync(join(place, file)));
}

function step(name, work) {
  const from = Date.now();
  began ??= from;
  process.stdout.write(`${name} ...\n`);
  work();
  // The lab that follows adds it to its own time: from a fresh clone to the first answer.
  if (purpose === 'lab') {
    mkdirSync(join(root, '.lab'), { recursive: true });
    writeFileSync(join(root, '.lab/setup-times'), `${began} ${Date.now()}`);
  }
  process.stdout.write(`  done in ${((Date.now() - from) / 1000).toFixed(1)} s\n`);
}

/** Runs a command whose output matters only when it fails; then its last lines and `advice` are the message. */
function run(program, argv, advice, environment = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(program, argv, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    env: { ...process.env, ...environment },
  });
  if (status === 0) return;
  const said = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n').slice(-12).join('\n');
  const how = error?.message ?? (signal === null ? `exit code ${status}` : signal);
  process.stderr.write(`${said}\n`);
  fail(`${program} ${argv[0]} failed (${how}); ${advice}`);
}

function fail(message) {
  throw new Error(message);
}
