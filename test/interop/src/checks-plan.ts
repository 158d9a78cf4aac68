/** Where the servers listen that are checked; all on one host, in a namespace of its own. */
export const ports = {
  http: 8080,
  https: 8443,
  expired: 8444,
  http2: 8082,
  slow: 8101,
  hung: 8102,
  mute: 8103,
  reset: 8104,
  lying: 8105,
  half: 8107,
  short: 8108,
  interim: 8109,
  bodyless: 8106,
  slowTls: 8111,
  hungTls: 8112,
  resetTls: 8114,
  lyingTls: 8115,
  halfTls: 8116,
  badHttp2: 8122,
  cutHttp2: 8123,
  dropped: 8130,
  slowTcp: 8131,
  closed: 8199,
  smtp: 2525,
  busySmtp: 2526,
  hungSmtp: 2527,
  slowSmtp: 2528,
  resetSmtp: 2529,
  lyingSmtp: 2530,
  halfSmtp: 2531,
  mutedSmtp: 2532,
  dns: 5353,
  slowDns: 5354,
  cutDns: 5355,
  silent: 7001,
  echo: 7007,
  slowEcho: 7008,
  grpc: 50051,
  grpcTls: 50052,
  grpcExpired: 50053,
  suspended: 8300,
} as const;

/**
 * HTTP servers that answer each asker in this order, `g` well and `b` not at all well, and the last for ever: what comes of
 * them says how often they were asked.
 */
export const sequences: Readonly<Record<'forgiven' | 'spent' | 'rising' | 'once', Sequence>> = {
  forgiven: { port: 8201, answers: 'gbbg', asked: true },
  spent: { port: 8202, answers: 'gbbbg', asked: true },
  rising: { port: 8203, answers: 'bggbg', asked: true, only: 'keepfleet' },
  once: { port: 8204, answers: 'gb', asked: false, only: 'keepfleet' },
};

interface Sequence {
  readonly port: number;
  readonly answers: string;
  /** To the end and beyond. */
  readonly asked: boolean;
  /** Who asks. */
  readonly only?: Program;
}

export const programs = ['keepalived', 'keepfleet'] as const;
export type Program = (typeof programs)[number];

export const SERVER = '192.168.77.10';
export const SERVER6 = 'fd00:77::10';
/** Nobody has them. */
export const NOBODY = '192.168.77.99';
export const NOBODY6 = 'fd00:77::99';
/** Of the servers, too, and the way to it is known to those who bind to an address or an interface, or mark what they send. */
export const FAR = '192.168.79.10';
/** Of the servers, and no BFD is spoken there. */
export const WITHOUT_BFD = '192.168.77.11';
/** These answer an echo request late, or with something else. */
export const SLOW_ECHO = '192.168.77.12';
export const LYING_ECHO = '192.168.77.13';
/** The router to it says that it cannot be reached. */
export const UNREACHABLE = '192.168.80.10';
export const FWMARK = 5;
export const VIP = '198.51.100.15';
/** Comes late. */
export const LATE_VIP = '198.51.100.16';
/** Where each program is. */
export const clients: Readonly<Record<Program, Readonly<Record<'address' | 'second' | 'ipv6', string>>>> = {
  keepalived: { address: '192.168.77.1', second: '192.168.77.101', ipv6: 'fd00:77::1' },
  keepfleet: { address: '192.168.77.2', second: '192.168.77.102', ipv6: 'fd00:77::2' },
};
export const BFD_TIMES = 'min_rx 200\n min_tx 200\n multiplier 5';

export const conditions = ['healthy', 'slow', 'hung', 'resetting', 'lying', 'bad certificate'] as const;

/** One virtual server with one real server and one checker. */
export interface Case {
  readonly name: string;
  readonly checker: string;
  /** In the pool at the end, with this weight, or not. */
  readonly expected: number | 'out';
  /** keepalived does not know it. */
  readonly own?: true;
  /**
   * Needs more of the kernel than the guest's has, nftables and rules of routing, or shows nothing more in its table: a guest
   * can bear only so many checks a second.
   */
  readonly hostOnly?: true;
  /** Its line and column in the table of times. */
  readonly cell?: readonly [checker: string, condition: (typeof conditions)[number]];
  /** What is told of it from the start to the end, exactly. */
  readonly told?: readonly ('UP' | 'DOWN')[];
  /** It begins as what it is, and nothing is told. */
  readonly silent?: true;
  /** What is told when the servers speak BFD no longer, the number in the file is 0, and the late address has come. */
  readonly later?: 'UP' | 'DOWN';
  /** What keepalived makes of it, where that is another thing; in docs/differences.md. */
  readonly theirs?: number | 'out';
  /** Its address is not there, and with ha_suspend nothing is told before it comes. */
  readonly suspended?: true;
}

const FIRST_PORT = 20_001;

/** The port of the virtual server that stands for a case. */
export function portOf(index: number): number {
  return FIRST_PORT + index;
}

export function wantedOf({ expected, theirs }: Case, who: Program): number | 'out' {
  return who === 'keepalived' ? (theirs ?? expected) : expected;
}

export function configuration(all: readonly Case[], directory: string, who: Program): string {
  const { address, second } = clients[who];
  const bfd = (name: string, neighbour: string) =>
    `bfd_instance ${name} {\n neighbor_ip ${neighbour}\n source_ip ${address}\n ${BFD_TIMES}\n}`;
  return [
    `global_defs {\n router_id L1\n lvs_notify_fifo ${directory}/${who}.fifo\n script_user root\n}`,
    `track_file three {\n file ${directory}/three\n}`,
    `track_file three-unweighted {\n file ${directory}/three\n weight 0\n}`,
    bfd('neighbour', SERVER),
    bfd('stranger', WITHOUT_BFD),
    ...all.flatMap((one, i) => {
      const { name, own, told, suspended, silent, checker } = one;
      if (own === true && who === 'keepalived') return [];
      // So that there is a first word about those that are well, too.
      const alpha = silent === true || wantedOf(one, who) === 'out' || told?.[0] === 'DOWN' ? '' : 'alpha';
      const [vip, rest] = suspended === true ? [LATE_VIP, 'ha_suspend'] : [VIP, ''];
      return [
        `# ${name}\nvirtual_server ${vip} ${portOf(i)} {\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n ${rest}\n real_server ${SERVER} ${portOf(i)} {\n weight 5\n ${alpha}\n ${checker.replaceAll('SECOND', second)}\n }\n}`,
      ];
    }),
  ].join('\n\n');
}
