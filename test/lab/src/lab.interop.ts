import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { existingNamespaces } from './network.ts';
import { directors, Lab, runInGuest, serviceUrls, virtualAddresses } from './index.ts';
import { labDirectory } from './paths.ts';
import { runningDaemon } from './remains.ts';

/**
 * The lab itself, proved with directors that others wrote: Debian's keepalived runs the same configuration in place of
 * the agent. A fault that a test here does not see is a fault of the lab, never of Keepfleet.
 */
const keepalived = [
  'exec keepalived -f /run/lab/keepalived.conf -l -D -G -n -x -A unix:/run/agentx',
  '-p /run/keepalived.pid -r /run/keepalived_vrrp.pid -c /run/keepalived_checkers.pid',
  '</dev/null >>/run/lab/logs/keepalived.log 2>&1',
].join(' ');
const [vip] = virtualAddresses;
const [urlIpv4] = serviceUrls;

let lab: Lab;
let started = false;

async function startKeepalived(host: string): Promise<void> {
  await lab.output(host, ['sh', '-c', `(${keepalived}) &`]);
}

async function owner(name: string): Promise<void> {
  await lab.waitFor(`${vip.address} on ${name} alone`, async () => (await lab.owners(vip.address)).join() === name);
}

beforeAll(async () => {
  lab = await Lab.up({ agents: [], delayLoop: 2 });
  started = true;
  for (const { name } of directors) await startKeepalived(name);
  await owner('L1');
});

afterAll(async () => {
  // Not where another lab was in the way: that one stays.
  if (started) await lab.down();
});

describe('the lab serves', () => {
  it.each(serviceUrls)('all four web servers in turn through %s', async (url) => {
    await lab.waitFor('four servers', async () => {
      const row = (await lab.status()).hosts
        .find(({ name }) => name === 'L1')
        ?.ipvs.find(({ address }) => url.includes(address));
      return row?.servers.length === 4;
    });
    const bodies: string[] = [];
    for (let request = 0; request < 8; request++) bodies.push((await lab.client.get(url)).body.trim());
    expect(new Set(bodies.slice(0, 4))).toEqual(new Set(['W1', 'W2', 'W3', 'W4']));
    expect(bodies.slice(4)).toEqual(bodies.slice(0, 4));
  });

  it('a load, and counts it by server', async () => {
    const load = lab.client.load(serviceUrls, { rate: 50 });
    await lab.waitFor('100 requests', () => load.shots.length >= 100);
    const { sent, answered, byServer } = await load.stop();
    expect(answered).toBe(sent);
    expect(Object.keys(byServer).sort()).toEqual(['W1', 'W2', 'W3', 'W4']);
  });

  it('KEEPALIVED-MIB by name', async () => {
    const walk = ['snmpwalk', '-v2c', '-c', 'public', 'localhost', 'KEEPALIVED-MIB::vrrpInstanceTable'];
    expect(await lab.output('L1', walk)).toContain('KEEPALIVED-MIB::vrrpInstanceState.1 = INTEGER: master(2)');
  });

  it("the controller on the machine's own loopback", async () => {
    const { controller } = await lab.status();
    const response = await lab.waitFor('an answer', () => fetch(`${controller.rest}/v1/events`));
    expect(response.status).toBe(200);
  });
});

describe('commands', () => {
  it('run side by side in one guest, outputs and exit codes apart', async () => {
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        lab.exec('L2', ['sh', '-c', `echo out ${index}; echo err ${index} >&2; exit ${index}`]),
      ),
    );
    expect(results).toEqual(
      results.map((_, index) => ({ code: index, stdout: `out ${index}\n`, stderr: `err ${index}\n` })),
    );
  });

  it('bring a megabyte back unharmed, and take a long argument', async () => {
    const { stdout, stderr } = await lab.exec('L3', ['sh', '-c', 'seq 1 160000 >&2; seq 1 160000']);
    expect(stdout.length).toBeGreaterThan(1_000_000);
    expect(stderr === stdout).toBe(true);
    // More than a terminal buffers: the line to the guest must not stall, not even for what comes after it.
    expect(await lab.output('L3', ['sh', '-c', 'printf %s "$1" | wc -c', 'sh', 'x'.repeat(100_000)])).toBe('100000\n');
    expect(await lab.output('L3', ['hostname'])).toBe('L3\n');
  });
});

describe('faults', () => {
  it('link-down moves the addresses, link-up gives them back', async () => {
    await lab.fault({ kind: 'link-down', host: 'L1', interface: 'eth1' });
    await owner('L2');
    expect((await lab.status()).faults).toEqual(["L1's eth1 (front) is down"]);
    expect((await lab.client.get(urlIpv4)).status).toBe(200);
    await lab.fault({ kind: 'link-up', host: 'L1', interface: 'eth1' });
    await owner('L1');
  });

  it('partition makes two masters where they cannot hear each other, heal makes one', async () => {
    for (const peer of ['L2', 'L3']) await lab.fault({ kind: 'partition', hosts: ['L1', peer], network: 'ico' });
    await lab.waitFor('two owners', async () => (await lab.owners(vip.address)).join() === 'L1,L2');
    await lab.heal();
    await owner('L1');
  });

  it('pause freezes a director, resume lets it take over again', async () => {
    await lab.fault({ kind: 'pause', host: 'L1' });
    await owner('L2');
    await expect(lab.exec('L1', ['true'])).rejects.toThrow('L1 is paused');
    await lab.fault({ kind: 'resume', host: 'L1' });
    await owner('L1');
  });

  it('kill takes the power of a director away, boot brings it back empty', async () => {
    await lab.fault({ kind: 'kill', host: 'L1', target: 'host' });
    await owner('L2');
    await lab.fault({ kind: 'boot', host: 'L1' });
    expect((await lab.output('L1', ['ls', '/run'])).split('\n')).not.toContain('keepalived.pid');
    expect(lab.log('L1', 'keepalived')).toContain('Entering MASTER STATE');
    await startKeepalived('L1');
    await owner('L1');
  });

  it('a link that was down is up when its host has booted again, and down still when it goes on after a pause', async () => {
    await lab.fault({ kind: 'link-down', host: 'W2', interface: 'eth0' });
    await lab.fault({ kind: 'pause', host: 'W2' });
    await lab.fault({ kind: 'resume', host: 'W2' });
    expect((await lab.status()).faults).toEqual(["W2's eth0 (front) is down"]);
    expect((await lab.exec('W2', ['curl', '-sf', '-m', '2', 'http://192.168.1.10/'])).code).not.toBe(0);
    await lab.fault({ kind: 'kill', host: 'W2', target: 'host' });
    await lab.fault({ kind: 'boot', host: 'W2' });
    expect((await lab.status()).faults).toEqual([]);
    await lab.waitFor('an answer through the link', async () => {
      return (await lab.exec('W2', ['curl', '-sf', '-m', '10', 'http://192.168.1.10/'])).code === 0;
    });
  });

  it('kill of a web server is seen by the health checks', async () => {
    /** In how many of the two services, IPv4 and IPv6. */
    const served = async () =>
      (await lab.status()).hosts
        .find(({ name }) => name === 'L1')
        ?.ipvs.filter(({ servers }) => servers.some(({ address }) => ['192.168.1.10', 'fd00::10'].includes(address)))
        .length;
    await lab.fault({ kind: 'kill', host: 'W1', target: 'host' });
    await lab.waitFor('W1 out of the table', async () => (await served()) === 0);
    await lab.fault({ kind: 'boot', host: 'W1' });
    await lab.waitFor('W1 back', async () => (await served()) === 2);
  });

  it('that make no sense are refused', async () => {
    await expect(lab.fault({ kind: 'boot', host: 'L2' })).rejects.toThrow('L2 is up already');
    await expect(lab.fault({ kind: 'kill', host: 'L2', target: 'vrrp' })).rejects.toThrow('vrrp of L2 does not run');
    await expect(lab.fault({ kind: 'partition', hosts: ['C1', 'W1'] })).rejects.toThrow('share no network');
    await expect(lab.fault({ kind: 'pause', host: 'L9' })).rejects.toThrow('there is no host "L9"');
  });
});

describe('a lab whose process was killed', () => {
  it('is seen as gone, and removed by the next one', async () => {
    const daemon = runningDaemon();
    if (daemon === undefined) throw new Error('a lab runs');
    process.kill(daemon, 'SIGKILL');
    await lab.waitFor('its end', () => runningDaemon() === undefined);
    await expect(Lab.attach()).rejects.toThrow('no lab runs on this machine');
    expect(await existingNamespaces()).not.toEqual([]);

    const told: string[] = [];
    lab = await Lab.up({ agents: [] }, (line) => told.push(line));
    expect(told[0]).toContain('removing what a crashed lab left');
    expect(await lab.output('L1', ['hostname'])).toBe('L1\n');
  });

  it('leaves nothing after down', async () => {
    await lab.down();
    expect(await existingNamespaces()).toEqual([]);
    expect(existsSync(labDirectory)).toBe(false);
    expect(runningDaemon()).toBeUndefined();
  });
});

describe('runInGuest', () => {
  it('runs a script under a kernel with IPVS', async () => {
    const script = 'ipvsadm -A -t 192.0.2.1:80 -s rr && ipvsadm -Ln; node -p 6*7; cat /run/lab/note; exit 5';
    const { code, output } = await runInGuest(script, { files: { note: 'from outside' } });
    expect(code).toBe(5);
    expect(output).toContain('TCP  192.0.2.1:80 rr');
    expect(output).toContain('42\nfrom outside');
  });

  it('kills one that does not end', async () => {
    await expect(runInGuest('echo begun; sleep 600', { timeout: 40_000 })).rejects.toThrow(/after 40 s.*\n.*begun/);
  });
});
