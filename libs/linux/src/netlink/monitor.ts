import { constants } from 'node:os';
import { tryRead } from '@keepfleet/wire';
import { LinuxError } from '../errors.ts';
import { attempt, checked, closeDescriptor, int32, pinned } from '../libc.ts';
import {
  AF_NETLINK,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
  setOption,
  setReceiveBuffer,
} from '../socket/options.ts';
import { ReadableWatch } from '../watch.ts';
import { type InterfaceAddress, RTM_DELADDR, RTM_NEWADDR, readAddress } from './interface-address.ts';
import { type Link, RTM_DELLINK, RTM_NEWLINK, readLink } from './link.ts';
import { type NetlinkMessage, readMessages } from './message.ts';
import { type RouteIdentity, RTM_DELROUTE, readRoute } from './route.ts';
import { type RuleIdentity, RTM_DELRULE, readRule } from './rule.ts';
import { NETLINK_ROUTE, netlinkAddress } from './netlink-socket.ts';

export type RtnetlinkEvent =
  | { readonly kind: 'link-changed' | 'link-removed'; readonly link: Link }
  | { readonly kind: 'address-changed' | 'address-removed'; readonly address: InterfaceAddress }
  | { readonly kind: 'route-removed'; readonly route: RouteIdentity }
  | { readonly kind: 'rule-removed'; readonly rule: RuleIdentity }
  /** The kernel dropped notifications, or sent one that could not be read: read everything again. */
  | { readonly kind: 'lost'; readonly error: LinuxError };

const NETLINK_ADD_MEMBERSHIP = 1;
const RTNLGRP_LINK = 1;
const RTNLGRP_IPV4_IFADDR = 5;
const RTNLGRP_IPV6_IFADDR = 9;
const RTNLGRP_IPV4_ROUTE = 7;
const RTNLGRP_IPV4_RULE = 8;
const RTNLGRP_IPV6_ROUTE = 11;
const RTNLGRP_IPV6_RULE = 19;

/** About 10,000 notifications, should the event loop be held up. */
const RECEIVE_BUFFER = 8 << 20;
/** Datagrams read before other work has its turn. */
const BUDGET = 64;

/**
 * Tells of every change of interfaces and addresses, by whomever. To miss none: open the monitor first, then read links
 * and addresses by {@link Rtnetlink}, then follow the events; after `lost` read again.
 */
export class RtnetlinkMonitor {
  readonly #fd: number;
  readonly #watch: ReadableWatch;
  readonly #buffer = pinned(64 << 10);
  readonly #listener: (event: RtnetlinkEvent) => void;
  #routing = false;

  constructor(listener: (event: RtnetlinkEvent) => void, receiveBuffer = RECEIVE_BUFFER) {
    this.#listener = listener;
    this.#fd = checked(
      attempt('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE),
      'socket AF_NETLINK',
    );
    try {
      const address = netlinkAddress(0);
      checked(attempt('bind', this.#fd, address, address.length), 'bind AF_NETLINK');
      setReceiveBuffer(this.#fd, receiveBuffer);
      for (const group of [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR]) this.#join(group);
      this.#watch = new ReadableWatch(this.#fd, () => this.#drain());
    } catch (error) {
      closeDescriptor(this.#fd);
      throw error;
    }
  }

  /** Tells of removed routes and rules too: not before somebody asks, since a router may have a million that change. */
  watchRouting(): void {
    if (this.#routing) return;
    this.#routing = true;
    for (const group of [RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE])
      this.#join(group);
  }

  close(): void {
    if (this.#watch.close()) closeDescriptor(this.#fd);
  }

  #join(group: number): void {
    const option = { level: SOL_NETLINK, option: NETLINK_ADD_MEMBERSHIP, name: 'NETLINK_ADD_MEMBERSHIP' };
    setOption(this.#fd, option, int32(group));
  }

  #drain(): void {
    for (let i = 0; i < BUDGET && !this.#watch.closed; i++) {
      const length = attempt('recv', this.#fd, this.#buffer, this.#buffer.length, 0);
      if (length === -constants.errno.EAGAIN) return;
      if (length < 0) {
        const detail = length === -constants.errno.ENOBUFS ? 'more changes than the receive buffer holds' : undefined;
        this.#listener({ kind: 'lost', error: new LinuxError({ call: 'rtnetlink monitor', errno: -length, detail }) });
        continue;
      }
      const messages = tryRead(this.#buffer.slice(0, length), readMessages);
      if (messages.ok) for (const message of messages.value) this.#report(message);
      else this.#listener(unreadable(messages.error));
    }
  }

  #report(message: NetlinkMessage): void {
    switch (message.type) {
      case RTM_NEWLINK:
      case RTM_DELLINK: {
        const link = tryRead(message.payload, readLink);
        const kind = message.type === RTM_NEWLINK ? 'link-changed' : 'link-removed';
        this.#listener(link.ok ? { kind, link: link.value } : unreadable(link.error));
        break;
      }
      case RTM_NEWADDR:
      case RTM_DELADDR: {
        const address = tryRead(message.payload, readAddress);
        const kind = message.type === RTM_NEWADDR ? 'address-changed' : 'address-removed';
        this.#listener(address.ok ? { kind, address: address.value } : unreadable(address.error));
        break;
      }
      case RTM_DELROUTE: {
        const route = tryRead(message.payload, readRoute);
        if (!route.ok) this.#listener(unreadable(route.error));
        else if (route.value !== undefined) this.#listener({ kind: 'route-removed', route: route.value });
        break;
      }
      case RTM_DELRULE: {
        const rule = tryRead(message.payload, readRule);
        if (!rule.ok) this.#listener(unreadable(rule.error));
        else if (rule.value !== undefined) this.#listener({ kind: 'rule-removed', rule: rule.value });
        break;
      }
    }
  }
}

function unreadable(cause: Error): RtnetlinkEvent {
  return {
    kind: 'lost',
    error: new LinuxError({
      call: 'rtnetlink monitor',
      errno: constants.errno.EBADMSG,
      detail: `a malformed notification: ${cause.message}`,
      cause,
    }),
  };
}
