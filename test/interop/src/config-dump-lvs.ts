import type { Check, Connection, HttpCheck, KeepalivedConfig, RealServer, VirtualServer } from '@keepfleet/config';

/** What a dump of keepalived and a model of ours both say of a service, a server or a checker, in keepalived's words. */
export type LvsFacts = Readonly<Record<string, readonly string[]>>;

/** What is not of the file but of the moment, or said in another line as well: the name of a check's host as it resolves. */
const STATE =
  /^(?:alive|quorum_state_up|reloaded|initial weight|effective weight|previous effective_weight|num failed checkers|RS set|Enabled|Up|Has run|Current weight|Retries iterations|Default delay before retry|Regex ref count|Regex options|Connection$|Virtualhost = |HTTP Status Code|Reply data len|Alive:)/;

/** The sections "LVS Topology" and "Health checkers" of what `keepalived -d` prints; undefined where it ended before. */
export function dumpedLvs(lines: readonly string[]): LvsFacts | undefined {
  const start = lines.findIndex((line) => line.includes('< LVS Topology >'));
  if (start < 0) return undefined;
  const found: Record<string, string[]> = {};
  const counts = new Map<string, number>();
  let current: string[] | undefined;
  let service = '';
  const begin = (title: string) => {
    const count = (counts.get(title) ?? 0) + 1;
    counts.set(title, count);
    found[count === 1 ? title : `${title} (${count})`] = current = [];
  };
  for (const line of lines.slice(start + 1)) {
    // Every line of the sections is indented; one that is not was logged by another of its processes in between.
    if (!line.startsWith(' ')) continue;
    const text = line.trim();
    if (text === '------< Virtual server group >------') current = undefined;
    else if (text.startsWith('------<')) continue;
    else if (text.startsWith('VS ')) begin((service = text.slice(3)));
    else if (text.startsWith('RIP = ')) {
      begin(`${service}: ${/^RIP = .*?(?=, WEIGHT)/.exec(text)?.[0] ?? ''}`);
      current?.push(/WEIGHT = \d+/.exec(text)?.[0] ?? '');
    } else if (/^\S+ .*-> \[/.test(text) || /^\[.*-> \[/.test(text)) begin(text);
    else if (!STATE.test(text)) current?.push(text);
  }
  return found;
}

const SECOND = 1_000_000;
const onOff = (on: boolean) => (on ? 'ON' : 'OFF');
const enabled = (on: boolean) => (on ? 'enabled' : 'disabled');
const yesNo = (on: boolean) => (on ? 'yes' : 'no');
const seconds = (micros: number) => (micros / SECOND).toFixed(6);
/** Where neither the server nor the service says otherwise. */
const CONNECT_TIMEOUT = 5 * SECOND;

/** The same of our model. */
export function modelledLvs(config: KeepalivedConfig): LvsFacts {
  const found: Record<string, readonly string[]> = {};
  const put = (title: string, lines: readonly string[]) => {
    let name = title;
    for (let count = 2; name in found; count++) name = `${title} (${count})`;
    found[name] = lines;
  };
  for (const service of config.virtualServers) {
    const title = serviceTitle(service);
    put(title, serviceLines(service));
    for (const server of service.realServers)
      put(`${title}: RIP = ${server.address}, RPORT = ${server.port}`, serverLines(server, service));
  }
  for (const service of config.virtualServers)
    for (const server of service.realServers)
      for (const check of server.checks)
        put(`${serviceName(service)} -> ${endpoint(server, service)}`, checkLines(check));
  return found;
}

function serviceTitle({ target }: VirtualServer): string {
  switch (target.kind) {
    case 'address':
      return `VIP = ${target.address}, VPORT = ${target.port}`;
    case 'fwmark':
      return `FWMARK = ${target.mark}`;
    case 'group':
      return `GROUP = [${target.name}]:0`;
  }
}

function serviceName(service: VirtualServer): string {
  const { target } = service;
  switch (target.kind) {
    case 'address':
      return endpoint(target, service);
    case 'fwmark':
      return `FWM ${target.mark}`;
    case 'group':
      return `[${target.name}]:0`;
  }
}

const protocolOf = ({ target, protocol }: VirtualServer) => (target.kind === 'fwmark' ? 'none' : protocol);

function endpoint({ address, port }: { readonly address: string; readonly port: number }, service: VirtualServer) {
  return `[${address}]:${protocolOf(service)}:${port}`;
}

function serviceLines(service: VirtualServer): readonly string[] {
  const { scheduler, schedulerFlags, persistence, timing, sorryServer, quorum, hysteresis } = service;
  const flags = ['sh', 'mh'].includes(scheduler)
    ? [`${scheduler}-port`, `${scheduler}-fallback`]
    : ['flag-1', 'flag-2', 'flag-3'];
  return [
    ...(service.virtualHost === undefined ? [] : [`VirtualHost = ${service.virtualHost}`]),
    `Address family = ${service.family === 'ipv6' ? 'inet6' : 'inet'}`,
    `connection timeout = ${seconds(timing.connectTimeout ?? CONNECT_TIMEOUT)}`,
    `delay_loop = ${seconds(service.delayLoop)}`,
    `lvs_sched = ${scheduler}`,
    `Hashed = ${enabled(service.hashed)}`,
    ...flags.map((flag) => `${flag} = ${enabled(schedulerFlags.includes(flag))}`),
    `One packet scheduling = ${enabled(service.onePacket)}`,
    ...(persistence === undefined ? [] : [`persistence timeout = ${persistence.timeout / SECOND}`]),
    ...(persistence?.prefixLength === undefined
      ? []
      : [`persistence granularity = ${granularity(persistence.prefixLength, service.family === 'ipv6')}`]),
    `protocol = ${service.target.kind === 'fwmark' ? 'none' : service.protocol.toUpperCase()}`,
    `alpha is ${onOff(service.alpha)}`,
    `omega is ${onOff(service.omega)}`,
    ...timingLines(timing),
    `Inhibit on failure is ${onOff(service.inhibitOnFailure)}`,
    `quorum = ${quorum}, hysteresis = ${hysteresis}`,
    ...(service.haSuspend ? ['Using HA suspend'] : []),
    `Using smtp notification = ${yesNo(service.smtpAlert)}`,
    `default forwarding method = ${forwardingText(service)}`,
    ...(sorryServer === undefined
      ? []
      : [
          `sorry server = ${endpoint(sorryServer, service)}`,
          `forwarding method = ${forwardingText(sorryServer)}`,
          `Inhibit on failure is ${onOff(sorryServer.inhibitOnFailure)}`,
        ]),
  ];
}

function serverLines(server: RealServer, service: VirtualServer): readonly string[] {
  const timing = { ...service.timing, ...definedOf(server.timing) };
  return [
    `WEIGHT = ${server.weight}`,
    `forwarding method = ${forwardingText(server)}`,
    `Alpha is ${onOff(server.alpha)}`,
    `connection timeout = ${seconds(timing.connectTimeout ?? CONNECT_TIMEOUT)}`,
    `connection limit range = ${server.lowerThreshold} -> ${server.upperThreshold}`,
    `Delay loop = ${seconds(server.timing.delayLoop ?? service.delayLoop)}`,
    ...timingLines(timing),
    `Inhibit on failure is ${onOff(server.inhibitOnFailure)}`,
    `Using smtp notification = ${yesNo(server.smtpAlert)}`,
    ...(server.virtualHost === undefined ? [] : [`VirtualHost = ${server.virtualHost}`]),
  ];
}

function definedOf<T extends object>(settings: T): Partial<T> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function timingLines({ retry, delayBeforeRetry, warmup }: VirtualServer['timing']): readonly string[] {
  return [
    ...(retry === undefined ? [] : [`Retry count = ${retry}`]),
    ...(delayBeforeRetry === undefined ? [] : [`Retry delay = ${seconds(delayBeforeRetry)}`]),
    ...(warmup === undefined ? [] : [`Warmup = ${seconds(warmup)}`]),
  ];
}

function granularity(prefixLength: number, ipv6: boolean): string {
  if (ipv6) return String(prefixLength);
  const mask = prefixLength === 0 ? 0 : (~0 << (32 - prefixLength)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (mask >>> shift) & 0xff).join('.');
}

function forwardingText({ forwarding: { method, tunnel } }: Pick<RealServer, 'forwarding'>): string {
  if (method !== 'tun') return method.toUpperCase();
  const { type = 'ipip', port, checksum = 'nocsum' } = tunnel ?? {};
  const sums = { nocsum: 'no checksum', csum: 'checksum', remcsum: 'remote checksum' };
  if (type === 'ipip') return 'TUN, type = IPIP';
  return `TUN, type = ${type.toUpperCase()}${port === undefined ? '' : `, port = ${port}`}, ${sums[checksum]}`;
}

function checkLines(check: Check): readonly string[] {
  return [
    `Alpha = ${yesNo(check.alpha)}`,
    `Delay loop = ${check.delayLoop} us`,
    `Warmup = ${check.warmup} us`,
    `Retries = ${check.retry}`,
    `Delay before retry = ${check.delayBeforeRetry} us`,
    `Log all failures = ${yesNo(check.logAllFailures)}`,
    ...('connection' in check ? connectionLines(check.connection) : []),
    ...ownLines(check),
  ];
}

function connectionLines({ address, port, bindAddress, bindPort, bindInterface, timeout, mark }: Connection) {
  return [
    `Dest = [${address}]:${port}`,
    ...(bindAddress === undefined ? [] : [`Bind to = [${bindAddress}]:${bindPort ?? 0}`]),
    ...(bindInterface === undefined ? [] : [`Bind i/f = ${bindInterface}`]),
    ...(mark === undefined ? [] : [`Mark = ${mark}`]),
    `Timeout = ${seconds(timeout)}`,
  ];
}

function ownLines(check: Check): readonly string[] {
  switch (check.kind) {
    case 'http':
      return httpLines(check);
    case 'smtp':
      return ['Keepalive method = SMTP_CHECK', ...(check.heloName === undefined ? [] : [`helo = ${check.heloName}`])];
    case 'dns':
      return ['Keepalive method = DNS_CHECK', `Type = ${check.type}`, `Name = ${check.name}`];
    case 'udp':
      return [
        'Keepalive method = UDP_CHECK',
        ...(check.payload === undefined ? [] : [`Payload len = ${check.payload.length / 2}`]),
        `Require reply = ${yesNo(check.reply !== undefined)}`,
        ...(check.reply === undefined
          ? []
          : [`Min reply length = ${check.reply.minLength}`, `Max reply length = ${check.reply.maxLength}`]),
      ];
    default:
      return [`Keepalive method = ${check.kind.toUpperCase()}_CHECK`];
  }
}

function httpLines({ tls, protocol, urls, fastRecovery }: HttpCheck): readonly string[] {
  const range = ({ first, last }: { readonly first: number; readonly last: number }) =>
    first === last ? String(first) : `${first}-${last}`;
  return [
    `Keepalive method = ${tls === undefined ? 'HTTP' : 'SSL'}_GET, http protocol ${protocol}`,
    `Enable SNI ${tls?.serverName === undefined ? 'unset' : 'set'}`,
    `Fast recovery ${fastRecovery ? 'set' : 'unset'}`,
    ...urls.flatMap((url) => [
      `Checked url = ${url.path}`,
      ...(url.digest === undefined ? [] : [`digest = ${url.digest}`]),
      ...url.statusCodes.map(range),
      ...(url.virtualHost === undefined ? [] : [`Virtual host = ${url.virtualHost}`]),
      ...(url.pattern === undefined ? [] : [`Regex = "${url.pattern.written}"`]),
    ]),
  ];
}
