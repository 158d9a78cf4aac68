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
import { NETLINK_ROUTE, netlinkAddress } from './netlink-socket.ts';

export type RtnetlinkEvent =
  | { readonly kind: 'link-changed' | 'link-removed'; readonly link: Link }
  | { readonly kind: 'address-changed' | 'address-removed'; readonly address: InterfaceAddress }
  /** The kernel dropped notifications, or sent one that could not be read: read everything again. */
  | { readonly kind: 'lost'; readonly error: LinuxError };

const NETLINK_ADD_MEMBERSHIP = 1;
const RTNLGRP_LINK = 1;
const RTNLGRP_IPV4_IFADDR = 5;
const RTNLGRP_IPV6_IFADDR = 9;

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
      for (const group of [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR]) {
        const option = { level: SOL_NETLINK, option: NETLINK_ADD_MEMBERSHIP, name: 'NETLINK_ADD_MEMBERSHIP' };
        setOption(this.#fd, option, int32(group));
      }
      this.#watch = new ReadableWatch(this.#fd, () => this.#drain());
    } catch (error) {
      closeDescriptor(this.#fd);
      throw error;
    }
  }

  close(): void {
    if (this.#watch.close()) closeDescriptor(this.#fd);
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
