import { type RemoteInfo, type Socket, createSocket } from 'node:dgram';
import { BlockList, isIP } from 'node:net';
import type { SnmpSettings } from '@keepfleet/config';
import {
  type Access,
  type AgentUser,
  type Change,
  JoinedVariables,
  MAX_MESSAGE,
  type MasterKeys,
  type MibView,
  SYSTEM_ROOTS,
  type SnmpCounters,
  SnmpAgent,
  type ViewSubtrees,
  mibModules,
  newSnmpCounters,
  oid,
  systemGroup,
} from '@keepfleet/mib';
import { errorText } from '../error-text.ts';
import type { SetOutcome, SnmpLog } from './agentx.ts';
import { snmpCrypto } from './crypto.ts';
import { DatagramGarbage } from './datagram-garbage.ts';
import type { SnmpEngine } from './engine-file.ts';

/** A port that is taken may be free later. */
const LISTEN_AGAIN_MS = 10_000;

/** A SET that control has not carried out by then is answered with commitFailed. */
const SET_TIMEOUT_MS = 4_000;

type Standalone = NonNullable<SnmpSettings['standalone']>;

export interface StandaloneOptions {
  readonly settings: Standalone;
  readonly users: SnmpSettings['users'];
  readonly views: SnmpSettings['views'];
  readonly node: { readonly name: string; readonly version: string };
  readonly engine: SnmpEngine;
  readonly keysOf: (user: string) => MasterKeys | undefined;
  readonly salt: () => Uint8Array;
  readonly view: MibView;
  readonly onSet: (changes: readonly Change[], actor: string) => Promise<SetOutcome>;
  readonly log: SnmpLog;
  /** Milliseconds since this engine started. */
  readonly upTime: () => number;
}

export interface StandaloneStatus {
  readonly listening: readonly string[];
  /** Addresses that could not be listened at, and why. */
  readonly troubles: readonly string[];
  readonly counters: SnmpCounters;
}

/** The agent that managers ask without an snmpd between. */
export class StandaloneAgent {
  readonly #options: StandaloneOptions;
  readonly #agent: SnmpAgent;
  readonly #sockets = new Map<string, Socket>();
  readonly #troubles = new Map<string, string>();
  readonly #retries = new Set<NodeJS.Timeout>();
  readonly #garbage = new DatagramGarbage();
  #closed = false;

  constructor(options: StandaloneOptions) {
    this.#options = options;
    const { engine, settings, node, view, upTime } = options;
    const time = () => Math.floor(upTime() / 1000);
    const counters = newSnmpCounters();
    const system = systemGroup(
      {
        description: `Keepfleet ${node.version}`,
        contact: settings.contact,
        name: node.name,
        location: settings.location,
      },
      {
        engineId: engine.id,
        engineBoots: engine.boots,
        maxMessage: MAX_MESSAGE,
        counters,
        time,
        upTime: () => Math.floor(upTime() / 10) % 0x1_0000_0000,
      },
    );
    this.#agent = new SnmpAgent(
      {
        communities: settings.communities.map((community) => ({
          name: Buffer.from(community.name, 'utf8').toString('latin1'),
          access: accessOf(community, options.views),
          allows: allowance(community.from),
        })),
        users: options.users.flatMap((user) => userOf(user, options)),
        engineId: engine.id,
        engineBoots: engine.boots,
      },
      new JoinedVariables([
        { roots: SYSTEM_ROOTS, variables: system },
        { roots: mibModules.map(({ root }) => root), variables: view },
      ]),
      snmpCrypto,
      options.salt,
      counters,
    );
  }

  start(): void {
    for (const { address, port } of this.#options.settings.listen) this.#listen(address, port);
  }

  status(): StandaloneStatus {
    return {
      listening: [...this.#sockets.keys()],
      troubles: [...this.#troubles.values()],
      counters: this.#agent.counters,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#retries) clearTimeout(timer);
    await Promise.all(
      Array.from(this.#sockets.values(), (socket) => new Promise<void>((resolve) => socket.close(() => resolve()))),
    );
    this.#sockets.clear();
  }

  #listen(address: string, port: number): void {
    const name = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
    const socket = isIP(address) === 6 ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket('udp4');
    socket.on('message', (bytes, peer) => {
      this.#receive(socket, bytes, peer);
      this.#garbage.datagram();
    });
    socket.on('error', (error) => {
      this.#sockets.delete(name);
      socket.close();
      const trouble = `snmp: cannot listen at ${name} (${errorText(error)}); is an snmpd there? tried again every ${LISTEN_AGAIN_MS / 1000} s`;
      if (this.#troubles.get(name) !== trouble) this.#options.log.warn({ address: name }, trouble);
      this.#troubles.set(name, trouble);
      if (this.#closed) return;
      const timer = setTimeout(() => {
        this.#retries.delete(timer);
        this.#listen(address, port);
      }, LISTEN_AGAIN_MS);
      this.#retries.add(timer);
    });
    socket.bind({ address, port }, () => {
      if (this.#closed) {
        socket.close();
        return;
      }
      this.#troubles.delete(name);
      this.#sockets.set(name, socket);
      this.#options.log.info({ address: name }, 'SNMP managers are answered');
    });
  }

  #receive(socket: Socket, bytes: Uint8Array, peer: RemoteInfo): void {
    const time = Math.floor(this.#options.upTime() / 1000);
    const outcome = this.#agent.receive(bytes, peer.address, time);
    if (outcome.kind === 'answer') send(socket, outcome.bytes, peer);
    if (outcome.kind === 'set') void this.#set(socket, peer, outcome);
  }

  async #set(
    socket: Socket,
    peer: RemoteInfo,
    { id, changes, actor }: { readonly id: number; readonly changes: readonly Change[]; readonly actor: string },
  ): Promise<void> {
    const carriedOut = this.#outcomeOf(changes, actor);
    const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), SET_TIMEOUT_MS).unref());
    const outcome = await Promise.race([carriedOut, late]);
    if (outcome?.ok === false) this.#options.log.warn({ changes, actor, reason: outcome.reason }, 'SNMP SET refused');
    const answer = this.#agent.setDone(id, outcome?.ok === true);
    if (answer !== undefined && !this.#closed) send(socket, answer, peer);
    if (outcome !== undefined) return;
    // The manager was told that nothing was changed, so that is made true.
    const done = await carriedOut;
    if (!done.ok) return;
    try {
      await done.undo();
    } catch (error) {
      this.#options.log.warn(
        { changes, reason: errorText(error) },
        'a late SNMP SET could not be undone: see the list of overrides',
      );
    }
  }

  async #outcomeOf(changes: readonly Change[], actor: string): Promise<SetOutcome> {
    try {
      return await this.#options.onSet(changes, actor);
    } catch (error) {
      return { ok: false, reason: errorText(error) };
    }
  }
}

/** What the kernel does not take (no route, no room) is as lost as on the way: the manager asks again. */
function send(socket: Socket, bytes: Uint8Array, peer: RemoteInfo): void {
  socket.send(bytes, peer.port, peer.address, () => undefined);
}

function accessOf(
  { access, view }: { readonly access: 'read-only' | 'read-write'; readonly view?: string | undefined },
  views: SnmpSettings['views'],
): Access {
  const named = view === undefined ? undefined : views[view];
  const subtrees: ViewSubtrees = {
    include: named?.include.map(oid) ?? [],
    exclude: named?.exclude.map(oid) ?? [],
  };
  return { write: access === 'read-write', view: subtrees };
}

function userOf(user: SnmpSettings['users'][number], options: StandaloneOptions): AgentUser[] {
  const keys = options.keysOf(user.name);
  if (keys === undefined) return [];
  const name = Buffer.from(user.name, 'utf8').toString('latin1');
  return [{ name, keys: keys.localized(options.engine.id), access: accessOf(user, options.views) }];
}

function allowance(from: readonly string[]): (peer: string) => boolean {
  if (from.length === 0) return () => true;
  const list = new BlockList();
  for (const text of from) {
    const [address = '', length] = text.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (length === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(length), family);
  }
  return (peer) => list.check(peer.split('%')[0] ?? peer, isIP(peer.split('%')[0] ?? peer) === 6 ? 'ipv6' : 'ipv4');
}
