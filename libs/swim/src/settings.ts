import { type Duration, millis, seconds } from '@keepfleet/machine';
import type { IpAddress } from '@keepfleet/wire';

export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/** Small facts about a member that everyone sees; together at most 512 bytes on the wire. */
export type Tags = Readonly<Record<string, string>>;

/** Who this member is, and whom it asks first. */
export interface SwimIdentity {
  /** Unique in the fleet; at most 128 bytes of UTF-8. */
  readonly name: string;
  /** What the others are told to send to; UDP and TCP share the port. */
  readonly advertise: Endpoint;
  readonly tags: Tags;
  /** Members to join by: asked until one has answered, and again whenever we are alone. Our own endpoint among them is skipped. */
  readonly seeds: readonly Endpoint[];
  /** memberlist's packet label: members of another label do not hear each other. Empty for none, as serf has it. */
  readonly label: string;
}

/** Every number of the protocol that an operator may want to turn. {@link lanTunables} holds the defaults. */
export interface SwimTunables {
  /** Time between two probes, µs; default 1 s. One member is probed at a time: halving it halves detection and doubles probe traffic. */
  readonly probeInterval: Duration;
  /** Wait for a direct ack before asking others, µs; default 500 ms. Must exceed the fleet's usual round trip; longer hides loss, delays detection. */
  readonly probeTimeout: Duration;
  /** Members asked to probe on our behalf, count; default 3. More tolerate more loss at one extra packet pair each. */
  readonly indirectProbes: number;
  /** Ping by TCP beside the indirect probes; default true. Tells a blocked UDP path from a dead member. */
  readonly streamPings: boolean;
  /** Shortest suspicion = this × max(1, log10 n) × probeInterval, n the live members; default 4. Higher means fewer false deaths, later true ones. */
  readonly suspicionMultiplier: number;
  /** Longest suspicion = this × the shortest, which it falls to as others confirm; default 6. Higher shields more from one sick observer. */
  readonly suspicionMaxMultiplier: number;
  /** Steps of our own health score plus one; default 8. Our probe deadline stretches to probeInterval × (score + 1) when we miss acks. */
  readonly awarenessMaximum: number;
  /** Time between two rounds of gossip while there is news, µs; default 200 ms. Lower spreads faster, in more packets. */
  readonly gossipInterval: Duration;
  /** Members told in each round, count; default 3. */
  readonly gossipFanout: number;
  /** News is sent this × ceil(log10(n + 1)) times; default 4. Higher survives more loss. */
  readonly retransmitMultiplier: number;
  /** How long the dead are still told and remembered with their incarnation, µs; default 30 s. It lets a member wrongly thought dead refute. */
  readonly gossipToDead: Duration;
  /** How long a name must have been dead before another address may take it, µs; default 30 s. A name that left is free at once. */
  readonly deadReclaim: Duration;
  /** Time between two full exchanges of state with a random member, µs; default 30 s, stretched by ceil(log2 n − 5) + 1 above 32 members. */
  readonly pushPullInterval: Duration;
  /** Time between two attempts to reach a failed member or an absent seed, µs; default 30 s. This is what heals a partition. */
  readonly reconnectInterval: Duration;
  /** First wait before seeds that did not answer are asked again, µs, doubling up to reconnectInterval; default 1 s. */
  readonly joinRetry: Duration;
  /** How long a failed member is listed and tried again, µs; default 24 h. */
  readonly rememberFailed: Duration;
  /** How long a member that left is listed, µs; default 24 h. */
  readonly rememberLeft: Duration;
  /** Longest wait for each of the two leave messages to be told, µs; default 5 s. */
  readonly leaveTimeout: Duration;
  /** Time to stay and answer after leaving, µs; default 1 s, so that the news outruns our silence. */
  readonly leaveLinger: Duration;
  /** Largest datagram payload, bytes; default 1400, which fits an Ethernet frame with IPv6 and some tunnel. */
  readonly packetSize: number;
  /** Compress what gets smaller by it; default true. Compressed input is always understood. */
  readonly compress: boolean;
  /** Take plain input although a key is set, while encryption is brought into a running fleet; default false. */
  readonly acceptPlain: boolean;
  /** Send plain although a key is set: the first step of bringing encryption in, when others cannot open it yet; default false. */
  readonly sendPlain: boolean;
  /** Longest that a stream may take in all, µs; default 10 s. The driver keeps it; longer lets more strangers hold streams open. */
  readonly streamTimeout: Duration;
  /** Wait for answers to a query = this × ceil(log10(n + 1)) × gossipInterval, n the live members; default 16. */
  readonly queryMultiplier: number;
  /** Answer pings with our network coordinate and keep one, as serf does; default true. 127 bytes more in each ack. */
  readonly coordinates: boolean;
}

export interface SwimSettings extends SwimIdentity, SwimTunables {}

/** memberlist's and serf's profile for one data centre: a death is known within about 5 s + n/2 s, at 1 probe a member a second. */
export const lanTunables: SwimTunables = {
  probeInterval: seconds(1),
  probeTimeout: millis(500),
  indirectProbes: 3,
  streamPings: true,
  suspicionMultiplier: 4,
  suspicionMaxMultiplier: 6,
  awarenessMaximum: 8,
  gossipInterval: millis(200),
  gossipFanout: 3,
  retransmitMultiplier: 4,
  gossipToDead: seconds(30),
  deadReclaim: seconds(30),
  pushPullInterval: seconds(30),
  reconnectInterval: seconds(30),
  joinRetry: seconds(1),
  rememberFailed: seconds(86_400),
  rememberLeft: seconds(86_400),
  leaveTimeout: seconds(5),
  leaveLinger: seconds(1),
  packetSize: 1400,
  compress: true,
  acceptPlain: false,
  sendPlain: false,
  streamTimeout: seconds(10),
  queryMultiplier: 16,
  coordinates: true,
};

/** For members with the width of a continent between them: round trips up to 3 s, a fifth of the probes, deaths known after half a minute. */
export const wanTunables: SwimTunables = {
  ...lanTunables,
  probeInterval: seconds(5),
  probeTimeout: seconds(3),
  suspicionMultiplier: 6,
  gossipInterval: millis(500),
  gossipFanout: 4,
  gossipToDead: seconds(60),
  pushPullInterval: seconds(60),
  streamTimeout: seconds(30),
};

/** For members on one host or one switch: round trips below 200 ms, less patience with loss. */
export const localTunables: SwimTunables = {
  ...lanTunables,
  probeTimeout: millis(200),
  indirectProbes: 1,
  suspicionMultiplier: 3,
  gossipInterval: millis(100),
  retransmitMultiplier: 2,
  gossipToDead: seconds(15),
  pushPullInterval: seconds(15),
  streamTimeout: seconds(1),
};

export type SwimProfile = 'lan' | 'wan' | 'local';

export const profiles: Readonly<Record<SwimProfile, SwimTunables>> = {
  lan: lanTunables,
  wan: wanTunables,
  local: localTunables,
};
