import { ByteWriter, type Family, tryRead } from '@keepfleet/wire';
import { type LinuxError, isLinuxError } from '../errors.ts';
import { AF_INET, AF_INET6 } from '../socket/options.ts';
import {
  type AddressSettings,
  type InterfaceAddress,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
  addressHeader,
  encodeAddress,
  readAddress,
} from './interface-address.ts';
import { type Link, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK, readLink } from './link.ts';
import {
  type NewLink,
  encodeLinkAlias,
  encodeLinkUp,
  encodeNewLink,
  encodeNoLinkLocal,
  linkHeader,
} from './link-request.ts';
import { NLM_F } from './message.ts';
import { type RouteRequest, RTM_DELROUTE, RTM_NEWROUTE, encodeRoute } from './route.ts';
import { type RuleRequest, RTM_DELRULE, RTM_NEWRULE, encodeRule } from './rule.ts';
import { NETLINK_ROUTE, type NetlinkRequest, NetlinkSocket, malformed } from './netlink-socket.ts';

export interface AddressChange {
  readonly verb: 'add' | 'remove';
  readonly settings: AddressSettings;
}

/** `present` and `absent`: nothing to do, the address was already as wanted. */
export type AddressOutcome =
  | { readonly kind: 'added' | 'present' | 'removed' | 'absent' }
  | { readonly kind: 'failed'; readonly error: LinuxError };

export interface RoutingChange {
  readonly verb: 'add' | 'remove';
  readonly request: { readonly route: RouteRequest } | { readonly rule: RuleRequest };
  /** For the message of its error. */
  readonly about: string;
}

/** Interfaces and their addresses: read and changed, one synchronous request each. */
export class Rtnetlink {
  readonly #socket: NetlinkSocket;

  constructor() {
    this.#socket = new NetlinkSocket(NETLINK_ROUTE);
  }

  links(): Link[] {
    const about = 'list links';
    // struct ifinfomsg, all zero: every family, every interface
    const replies = this.#socket.dump({ type: RTM_GETLINK, payload: new Uint8Array(16), about });
    return replies.filter(({ type }) => type === RTM_NEWLINK).map(({ payload }) => parsed(payload, readLink, about));
  }

  /** One interface by index, or `undefined` when there is none. */
  link(index: number): Link | undefined {
    const about = `read link ${index}`;
    const payload = new ByteWriter(16).zeros(4).i32le(index).zeros(8).finish();
    try {
      const reply = this.#socket
        .request({ type: RTM_GETLINK, payload, about })
        .find(({ type }) => type === RTM_NEWLINK);
      return reply === undefined ? undefined : parsed(reply.payload, readLink, about);
    } catch (error) {
      if (isLinuxError(error, 'ENODEV')) return undefined;
      throw error;
    }
  }

  addresses(family?: Family): InterfaceAddress[] {
    const about = 'list addresses';
    const number = family === undefined ? 0 : family === 'ipv4' ? AF_INET : AF_INET6;
    const replies = this.#socket.dump({ type: RTM_GETADDR, payload: addressHeader(number, 0, 0, 0), about });
    return replies.filter(({ type }) => type === RTM_NEWADDR).map(({ payload }) => parsed(payload, readAddress, about));
  }

  /** Throws {@link LinuxError}: ENODEV for an interface that is gone, EACCES where IPv6 is switched off. */
  addAddress(settings: AddressSettings): 'added' | 'present' {
    return this.#change({ verb: 'add', settings }) === 'present' ? 'present' : 'added';
  }

  removeAddress(settings: AddressSettings): 'removed' | 'absent' {
    return this.#change({ verb: 'remove', settings }) === 'absent' ? 'absent' : 'removed';
  }

  /** Many changes in one system call, in their order, each with an outcome of its own. */
  changeAddresses(changes: readonly AddressChange[]): AddressOutcome[] {
    const errors = this.#socket.batch(changes.map(addressRequest));
    return changes.map((change, i) => outcome(change.verb, errors[i]));
  }

  /** Routes and rules in one system call, in their order, each with an outcome of its own. */
  changeRouting(changes: readonly RoutingChange[]): AddressOutcome[] {
    const errors = this.#socket.batch(changes.map(routingRequest));
    return changes.map(({ verb }, i) => outcome(verb, errors[i]));
  }

  /** Makes an interface on top of another, down and without addresses. Throws {@link LinuxError}: EEXIST, EOPNOTSUPP. */
  addLink(link: NewLink): void {
    this.#socket.request({
      type: RTM_NEWLINK,
      flags: NLM_F.CREATE | NLM_F.EXCL,
      payload: encodeNewLink(link),
      about: `make ${link.kind.kind} ${link.name}`,
    });
  }

  /** The kernel is to give the interface no link-local address. */
  disableLinkLocal(index: number): void {
    const about = `no link-local address, interface ${index}`;
    this.#socket.request({ type: RTM_NEWLINK, payload: encodeNoLinkLocal(index), about });
  }

  /** A note on an interface, which `ip link` shows. */
  setLinkAlias(index: number, alias: string): void {
    const about = `alias, interface ${index}`;
    this.#socket.request({ type: RTM_NEWLINK, payload: encodeLinkAlias(index, alias), about });
  }

  setLinkUp(index: number): void {
    this.#socket.request({ type: RTM_NEWLINK, payload: encodeLinkUp(index), about: `up, interface ${index}` });
  }

  removeLink(index: number): void {
    const about = `remove interface ${index}`;
    this.#socket.request({ type: RTM_DELLINK, payload: linkHeader(index, 0, 0), about });
  }

  close(): void {
    this.#socket.close();
  }

  #change(change: AddressChange): 'added' | 'present' | 'removed' | 'absent' {
    const [result] = this.changeAddresses([change]);
    if (result === undefined) throw new RangeError('a batch of one has one outcome');
    if (result.kind === 'failed') throw result.error;
    return result.kind;
  }
}

function addressRequest({ verb, settings }: AddressChange): NetlinkRequest {
  const about = `${verb} address ${settings.address}/${settings.prefix}, interface ${settings.interface}`;
  const payload = encodeAddress(settings);
  return verb === 'add'
    ? { type: RTM_NEWADDR, flags: NLM_F.CREATE | NLM_F.EXCL, payload, about }
    : { type: RTM_DELADDR, payload, about };
}

function routingRequest({ verb, request, about }: RoutingChange): NetlinkRequest {
  const [add, remove, payload] =
    'route' in request
      ? [RTM_NEWROUTE, RTM_DELROUTE, encodeRoute(request.route)]
      : [RTM_NEWRULE, RTM_DELRULE, encodeRule(request.rule)];
  if (verb === 'remove') return { type: remove, payload, about: `remove ${about}` };
  const placement = 'route' in request ? request.route.placement : 'add';
  const flags = NLM_F.CREATE | (placement === 'add' ? NLM_F.EXCL : placement === 'append' ? NLM_F.APPEND : 0);
  return { type: add, flags, payload, about: `add ${about}` };
}

/** Of an address, a route (ESRCH), a rule (ENOENT). */
const ABSENT: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'ESRCH', 'ENOENT']);

function outcome(verb: AddressChange['verb'], error: LinuxError | undefined): AddressOutcome {
  if (error === undefined) return { kind: verb === 'add' ? 'added' : 'removed' };
  if (verb === 'add' && error.code === 'EEXIST') return { kind: 'present' };
  if (verb === 'remove' && ABSENT.has(error.code)) return { kind: 'absent' };
  return { kind: 'failed', error };
}

function parsed<T>(payload: Uint8Array, read: Parameters<typeof tryRead<T>>[1], about: string): T {
  const result = tryRead(payload, read);
  if (!result.ok) throw malformed(result.error, about);
  return result.value;
}
