import {
  type AddressSettings,
  GenericNetlink,
  NETLINK_ROUTE,
  NLM_F,
  NetlinkSocket,
  Rtnetlink,
  RtnetlinkMonitor,
  type RtnetlinkEvent,
  inNetworkNamespace,
} from '@keepfleet/linux';
import { waitFor } from '@keepfleet/testkit';
import { ip } from '@keepfleet/wire';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TwoNamespaces } from './linux-stand.ts';

const stand = new TwoNamespaces();
const open: { close(): void }[] = [];

beforeAll(() => stand.up());
afterAll(() => stand.down());
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

function near<T extends { close(): void }>(make: () => T): T {
  const made = inNetworkNamespace(stand.near, make);
  open.push(made);
  return made;
}

function nearIndex(rtnetlink: Rtnetlink): number {
  const link = rtnetlink.links().find(({ name }) => name === 'kfa');
  if (link === undefined) throw new Error('no kfa');
  return link.index;
}

const show = () => stand.ip(stand.near, 'address', 'show', 'dev', 'kfa');

describe('links', () => {
  it('are listed as `ip link` does', () => {
    const rtnetlink = near(() => new Rtnetlink());
    const expected: unknown = JSON.parse(stand.ip(stand.near, '-j', 'link', 'show'));
    const listed = rtnetlink
      .links()
      .map(({ index, name, mtu, mac }) => expect.objectContaining({ ifindex: index, ifname: name, mtu, address: mac }));
    expect(expected).toEqual(listed);
    expect(rtnetlink.link(nearIndex(rtnetlink))).toMatchObject({ name: 'kfa', kind: 'veth', lowerUp: true, up: true });
    expect(rtnetlink.link(9999)).toBeUndefined();
  });
});

describe('addresses', () => {
  it('are put on and taken off, and once is as good as twice', () => {
    const rtnetlink = near(() => new Rtnetlink());
    const index = nearIndex(rtnetlink);
    const all: AddressSettings[] = [
      {
        interface: index,
        address: ip('198.51.100.15'),
        prefix: 24,
        label: 'kfa:vip',
        broadcast: ip('198.51.100.255'),
      },
      { interface: index, address: ip('198.51.100.77'), prefix: 32, peer: ip('198.51.100.78'), scope: 'link' },
      { interface: index, address: ip('2001:db8::15'), prefix: 128, noDad: true, preferredLifetime: 0 },
    ];
    expect(all.map((settings) => rtnetlink.addAddress(settings))).toEqual(['added', 'added', 'added']);
    expect(all.map((settings) => rtnetlink.addAddress(settings))).toEqual(['present', 'present', 'present']);
    expect(show()).toMatch(/inet 198\.51\.100\.15\/24 brd 198\.51\.100\.255 scope global kfa:vip/);
    expect(show()).toMatch(/inet 198\.51\.100\.77 peer 198\.51\.100\.78\/32 scope link/);
    expect(show()).toMatch(/inet6 2001:db8::15\/128 scope global nodad deprecated/);
    const found = rtnetlink.addresses().filter((entry) => all.some(({ address }) => address === entry.address));
    expect(found.map(({ prefix, deprecated, label }) => [prefix, deprecated, label]).sort()).toEqual([
      [128, true, undefined],
      [24, false, 'kfa:vip'],
      [32, false, 'kfa'],
    ]);
    expect(all.map((settings) => rtnetlink.removeAddress(settings))).toEqual(['removed', 'removed', 'removed']);
    expect(all.map((settings) => rtnetlink.removeAddress(settings))).toEqual(['absent', 'absent', 'absent']);
    expect(show()).not.toMatch(/198\.51|2001:db8/);
  });

  it('change by hundreds, each with its own outcome', () => {
    const rtnetlink = near(() => new Rtnetlink());
    const index = nearIndex(rtnetlink);
    const changes = Array.from({ length: 300 }, (_, i) => ({
      verb: 'add' as const,
      settings: {
        interface: i === 123 ? 9999 : index,
        address: ip(`203.0.113.${i % 250}`),
        prefix: 32,
      },
    }));
    const outcomes = rtnetlink.changeAddresses(changes).map(({ kind }) => kind);
    expect(outcomes.filter((kind) => kind === 'added')).toHaveLength(249);
    expect(outcomes[123]).toBe('failed');
    expect(outcomes.slice(250)).toEqual(new Array(50).fill('present'));
    const removals = changes.slice(0, 250).map(({ settings }) => ({ verb: 'remove' as const, settings }));
    expect(rtnetlink.changeAddresses(removals).filter(({ kind }) => kind === 'removed')).toHaveLength(249);
  });

  it('on a missing interface fail with the code and the words of the kernel', () => {
    const rtnetlink = near(() => new Rtnetlink());
    const settings = { interface: 9999, address: ip('192.0.2.9'), prefix: 24 };
    expect(() => rtnetlink.addAddress(settings)).toThrow(
      expect.objectContaining({ code: 'ENODEV', detail: expect.stringContaining('ipv4: Device not found') }),
    );
  });
});

describe('the monitor', () => {
  it('tells of links and addresses that others change', async () => {
    const events: RtnetlinkEvent[] = [];
    near(() => new RtnetlinkMonitor((event) => events.push(event)));
    stand.ip(stand.near, 'address', 'add', '203.0.113.1/24', 'dev', 'kfa');
    stand.ip(stand.near, 'address', 'del', '203.0.113.1/24', 'dev', 'kfa');
    stand.ip(stand.near, 'link', 'add', 'kfx', 'type', 'veth', 'peer', 'kfy');
    stand.ip(stand.near, 'link', 'del', 'kfx');
    await waitFor(() => events.some((event) => event.kind === 'link-removed' && event.link.name === 'kfx'), {
      deadline: 90_000,
      what: 'the removal of kfx',
    });
    const addresses = events.flatMap((event) =>
      event.kind === 'address-changed' || event.kind === 'address-removed' ? [[event.kind, event.address.address]] : [],
    );
    expect(addresses).toEqual([
      ['address-changed', '203.0.113.1'],
      ['address-removed', '203.0.113.1'],
    ]);
  });

  it('tells of a cable pulled at the other end, and plugged in again', async () => {
    const carrier: boolean[] = [];
    near(
      () =>
        new RtnetlinkMonitor((event) => {
          if (event.kind === 'link-changed' && event.link.name === 'kfa') carrier.push(event.link.lowerUp);
        }),
    );
    stand.ip(stand.far, 'link', 'set', 'kfb', 'down');
    await waitFor(() => carrier.at(-1) === false, { deadline: 90_000, what: 'no carrier' });
    stand.ip(stand.far, 'link', 'set', 'kfb', 'up');
    await waitFor(() => carrier.at(-1) === true, { deadline: 90_000, what: 'carrier' });
  });

  it('says when it has lost changes, and goes on', async () => {
    const events: RtnetlinkEvent[] = [];
    near(() => new RtnetlinkMonitor((event) => events.push(event), 4_096));
    const rtnetlink = near(() => new Rtnetlink());
    const index = nearIndex(rtnetlink);
    const settings = (i: number) => ({ interface: index, address: ip(`203.0.113.${i}`), prefix: 32 });
    const numbers = Array.from({ length: 200 }, (_, i) => i + 1);
    // Synchronous: the loop cannot read meanwhile.
    for (const i of numbers) rtnetlink.addAddress(settings(i));
    await waitFor(() => events.some(({ kind }) => kind === 'lost'), { deadline: 90_000, what: 'lost' });
    rtnetlink.removeAddress(settings(200));
    await waitFor(
      () => events.some((event) => event.kind === 'address-removed' && event.address.address === '203.0.113.200'),
      { deadline: 90_000, what: 'the change after the loss' },
    );
    for (const i of numbers) rtnetlink.removeAddress(settings(i));
  });
});

describe('netlink requests', () => {
  it('are refused with the code for what the kernel does not know', () => {
    const socket = near(() => new NetlinkSocket(NETLINK_ROUTE));
    expect(() => socket.request({ type: 9999, payload: new Uint8Array(16) })).toThrow(
      expect.objectContaining({ code: 'EOPNOTSUPP' }),
    );
    expect(socket.batch([{ type: 18, flags: NLM_F.REPLACE, payload: new Uint8Array(2) }])).toEqual([
      expect.objectContaining({ code: 'EINVAL' }),
    ]);
  });

  it('in a batch have each its own outcome, whichever of them are refused', () => {
    const socket = near(() => new NetlinkSocket(NETLINK_ROUTE));
    const refused = { type: 18, flags: NLM_F.REPLACE, payload: new Uint8Array(2) };
    // A link by its index: the loopback is there.
    const payload = new Uint8Array(16);
    payload[4] = 1;
    const accepted = { type: 19, payload };
    const order = [true, false, false, true, true, false].flatMap((good) => Array.from({ length: 300 }, () => good));
    const outcomes = socket.batch(order.map((good) => (good ? accepted : refused)));
    expect(outcomes.map((outcome) => outcome?.code)).toEqual(order.map((good) => (good ? undefined : 'EINVAL')));
    const odd = [refused, accepted, refused, accepted];
    expect(socket.batch(odd, 1).map((outcome) => outcome?.code)).toEqual(['EINVAL', undefined, 'EINVAL', undefined]);
    expect(socket.batch(odd, 4).map((outcome) => outcome?.code)).toEqual(['EINVAL', undefined, 'EINVAL', undefined]);
  });

  it.each([100, 1, 7, 10_000])(
    'written one after another are carried out in their order, %s to a system call',
    (messages) => {
      const socket = near(() => new NetlinkSocket(NETLINK_ROUTE));
      const loopback = new Uint8Array(16);
      loopback[4] = 1;
      // One octet too few for a link, and not a multiple of four.
      const payloads = [loopback, loopback.subarray(0, 15), loopback.subarray(0, 2)];
      const order = [0, 1, 0, 2, 0, 1, 1].flatMap((which) => Array.from({ length: 300 }, () => which));
      const failures = socket.carryOut(
        {
          type: 19,
          count: order.length,
          write: (writer, index) => writer.bytes(payloads[order[index] ?? 0] ?? loopback),
          about: (index) => `change ${index}`,
        },
        messages,
      );
      const refused = [...order.keys()].filter((index) => order[index] !== 0);
      expect([...failures.keys()]).toEqual(refused);
      for (const [index, error] of failures)
        expect(error).toMatchObject({ code: 'EINVAL', detail: expect.stringContaining(`change ${index}`) });
      expect(socket.request({ type: 19, payload: loopback })).toEqual([]);
    },
  );

  it('of generic netlink find a family by name, and say when there is none', () => {
    const controller = near(() => new GenericNetlink('nlctrl'));
    expect(controller.dump({ command: 3 }).length).toBeGreaterThan(0);
    expect(() => new GenericNetlink('KF_NONE')).toThrow(
      expect.objectContaining({ code: 'ENOENT', detail: expect.stringContaining('KF_NONE') }),
    );
  });
});
