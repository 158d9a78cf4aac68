/** Settings of the lvs process as plain data, with the values that keepalived.conf gives when it says nothing. */
export interface ServerOptions {
  readonly weight?: number;
  readonly forwarding?: object;
  readonly inhibitOnFailure?: boolean;
  readonly upperThreshold?: number;
  readonly lowerThreshold?: number;
  /** Microseconds. */
  readonly slowStart?: number;
  readonly checkers?: readonly object[];
}

const SECOND = 1_000_000;

function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export function virtualServer(
  target: Readonly<Record<string, unknown>>,
  options: Readonly<Record<string, unknown>> = {},
): object {
  const protocol = typeof options['protocol'] === 'string' ? options['protocol'] : 'tcp';
  const keys: Readonly<Record<string, string>> = {
    address: `${protocol}/${endpoint(String(target['address']), Number(target['port']))}`,
    fwmark: `fwmark/${String(target['fwmark'])}${target['family'] === 'ipv6' ? '/ipv6' : ''}`,
    group: `group/${String(target['name'])}`,
  };
  return {
    key: keys[String(target['kind'])],
    target,
    protocol,
    scheduler: 'rr',
    flags: { flag1: false, flag2: false, flag3: false },
    onePacket: false,
    hashed: false,
    forwarding: { kind: 'nat' },
    persistence: null,
    delayLoop: SECOND,
    retry: null,
    delayBeforeRetry: null,
    warmup: null,
    connectTimeout: 2 * SECOND,
    weight: 1,
    quorum: 1,
    hysteresis: 0,
    quorumUp: null,
    quorumDown: null,
    alpha: false,
    omega: false,
    haSuspend: false,
    inhibitOnFailure: false,
    smtpAlert: false,
    virtualHost: null,
    snmpName: null,
    place: null,
    sorryServer: null,
    realServers: [],
    ...options,
  };
}

export function realServer(address: string, options: ServerOptions = {}, port = 80): object {
  return {
    key: endpoint(address, port),
    address,
    port,
    weight: 1,
    configuredWeight: 1,
    weightIsSet: false,
    forwarding: { kind: 'nat' },
    inhibitOnFailure: false,
    slowStart: 0,
    upperThreshold: 0,
    lowerThreshold: 0,
    alpha: false,
    retry: null,
    delayBeforeRetry: null,
    warmup: null,
    delayLoop: null,
    connectTimeout: null,
    virtualHost: null,
    notifyUp: null,
    notifyDown: null,
    smtpAlert: false,
    snmpName: null,
    place: null,
    checkers: [],
    ...options,
  };
}

export function sorryServer(address: string, port = 80): object {
  return { key: endpoint(address, port), address, port, forwarding: { kind: 'nat' }, inhibit: false };
}

/** Every 300 ms, without retry, so that a test sees a change soon; that a machine is slow is none. */
function checkOf(address: string, port: number): object {
  return {
    schedule: {
      delayLoop: 0.3 * SECOND,
      retry: 0,
      delayBeforeRetry: 0.1 * SECOND,
      warmup: 0,
      alpha: false,
      logAllFailures: false,
      rise: 1,
      latency: null,
    },
    connection: {
      address,
      port,
      bindAddress: null,
      bindPort: null,
      bindInterface: null,
      fwmark: null,
      connectTimeout: 60 * SECOND,
    },
  };
}

export function tcpCheck(address: string, port = 80): object {
  return { kind: 'tcp', ...checkOf(address, port) };
}

export function httpGet(address: string, options: { digest?: string; port?: number } = {}): object {
  return {
    kind: 'http',
    ...checkOf(address, options.port ?? 80),
    tls: null,
    protocol: '1.0',
    virtualHost: null,
    fastRecovery: false,
    urls: [
      {
        path: '/',
        virtualHost: null,
        statusCodes: [{ first: 200, last: 200 }],
        digest: options.digest ?? null,
        pattern: null,
        method: 'GET',
        headers: [],
        body: null,
      },
    ],
  };
}
