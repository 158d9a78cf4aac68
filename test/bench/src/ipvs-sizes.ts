/** A table of services with servers behind each, in every language that it is told in. */
export interface Size {
  readonly services: number;
  readonly servers: number;
}

export interface Table {
  readonly size: Size;
  /** For `ipvsadm -R`. */
  readonly saved: string;
  readonly keepalivedConf: string;
  /** For the lvs process. */
  readonly settings: object;
}

const SECOND = 1_000_000;

const vip = (i: number) => `10.${100 + Math.floor(i / 250)}.${i % 250}.1`;
const server = (i: number, j: number) => `10.${Math.floor(i / 250)}.${i % 250}.${j + 1}`;

/** `changed` is the weight of the last server of all. */
export function tableOf(size: Size, changed = 1): Table {
  const { services, servers } = size;
  const saved: string[] = [];
  const conf: string[] = [];
  const virtualServers: object[] = [];
  for (let i = 0; i < services; i++) {
    const address = vip(i);
    saved.push(`-A -t ${address}:80 -s wrr`);
    conf.push(`virtual_server ${address} 80 {\n  protocol TCP\n  lvs_sched wrr\n  lvs_method NAT`);
    const realServers: object[] = [];
    for (let j = 0; j < servers; j++) {
      const weight = i === services - 1 && j === servers - 1 ? changed : 1;
      const real = server(i, j);
      saved.push(`-a -t ${address}:80 -r ${real}:80 -m -w ${weight}`);
      conf.push(`  real_server ${real} 80 {\n    weight ${weight}\n  }`);
      realServers.push(j === 0 ? realServer(real, weight) : likeBefore(real, weight, 1));
    }
    conf.push('}');
    virtualServers.push(i === 0 ? virtualServer(address, realServers) : likeFirst(address, realServers));
  }
  return {
    size,
    saved: `${saved.join('\n')}\n`,
    keepalivedConf: `${conf.join('\n')}\n`,
    settings: { groups: [], virtualServers },
  };
}

/** The last service and its last server. */
export function lastOf({ services, servers }: Size): { vip: string; server: string } {
  return { vip: vip(services - 1), server: server(services - 1, servers - 1) };
}

/** Every service with its servers. */
export function servicesOf({ services, servers }: Size): { vip: string; servers: string[] }[] {
  return Array.from({ length: services }, (_, i) => ({
    vip: vip(i),
    servers: Array.from({ length: servers }, (__, j) => server(i, j)),
  }));
}

/** What control tells the lvs process of a reload that changed the weight of the last server of all. */
export function changeOf({ services, servers }: Size, weight: number): object {
  const last = services - 1;
  const same = Array.from({ length: last }, (_, i) => ({ same: keyOf(vip(i)) }));
  const realServers = Array.from({ length: servers }, (_, j) =>
    j === 0 ? realServer(server(last, j), 1) : likeBefore(server(last, j), j === servers - 1 ? weight : 1, 1),
  );
  return { groups: [], virtualServers: [...same, virtualServer(vip(last), realServers)] };
}

const keyOf = (address: string) => `tcp/${address}:80`;
const nat = { kind: 'nat' };

function virtualServer(address: string, realServers: readonly object[]): object {
  return {
    key: keyOf(address),
    target: { kind: 'address', address, port: 80 },
    ...{ protocol: 'tcp', scheduler: 'wrr', flags: { flag1: false, flag2: false, flag3: false } },
    ...{ onePacket: false, hashed: false, forwarding: nat, persistence: null, delayLoop: 60 * SECOND },
    ...{ retry: null, delayBeforeRetry: null, warmup: null, connectTimeout: 5 * SECOND, weight: 1 },
    ...{ quorum: 1, hysteresis: 0, quorumUp: null, quorumDown: null, alpha: false, omega: false, haSuspend: false },
    ...{ inhibitOnFailure: false, smtpAlert: false, virtualHost: null, snmpName: null, place: null, sorryServer: null },
    realServers,
  };
}

/** What control tells of a service that differs from the one before in its address and its servers. */
function likeFirst(address: string, realServers: readonly object[]): object {
  return { like: { key: keyOf(address), target: { kind: 'address', address, port: 80 }, realServers } };
}

function realServer(address: string, weight: number): object {
  return {
    ...{
      key: `${address}:80`,
      address,
      port: 80,
      weight,
      configuredWeight: weight,
      weightIsSet: false,
      forwarding: nat,
    },
    ...{ inhibitOnFailure: false, slowStart: 0, upperThreshold: 0, lowerThreshold: 0, alpha: false, retry: null },
    ...{ delayBeforeRetry: null, warmup: null, delayLoop: null, connectTimeout: null, virtualHost: null },
    ...{ notifyUp: null, notifyDown: null, smtpAlert: false, snmpName: null, place: null, checkers: [] },
  };
}

/** What control tells of a server that differs from the one before in no more than this. */
function likeBefore(address: string, weight: number, before: number): object {
  const weights = weight === before ? {} : { weight, configuredWeight: weight };
  return { like: { key: `${address}:80`, address, ...weights } };
}
