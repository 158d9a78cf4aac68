import { readFileSync } from 'node:fs';

/*
 * The eight ways that a notification of the agent takes to one snmptrapd: through snmpd and by itself, versions 2c and 3, as
 * trap and as inform.
 */
const KEY = 'correct horse';
/** Of snmpd, for its traps of version 3. */
const ENGINE = '0x80002572050102030405';
export const SINK = '127.0.0.1:1162';
/** Seconds until an inform is sent again. One that is answered late by a busy machine comes twice, and rightly so. */
const PATIENCE = 10;
export const KEEPALIVED_MIB = '1.3.6.1.4.1.9586.100.5';
export const INFORMS = 'INFORM, SNMP v2c, community snmpd-informs';

/** As snmptrapd says of them. */
export const SNMPD_WAYS = [
  'TRAP2, SNMP v2c, community snmpd-traps',
  INFORMS,
  'TRAP2, SNMP v3, user snmpd-trap',
  'INFORM, SNMP v3, user snmpd-inform',
];
export const WAYS = [
  ...SNMPD_WAYS,
  'TRAP2, SNMP v2c, community traps',
  'INFORM, SNMP v2c, community informs',
  'TRAP2, SNMP v3, user both',
  'INFORM, SNMP v3, user strong',
];

/** Lines of snmpd.conf. */
export function snmpdSinks(): string[] {
  const v3 = (user: string, hash: string, cipher: string) =>
    `-v 3 -u ${user} -l authPriv -a ${hash} -A "${KEY}" -x ${cipher} -X "${KEY}" ${SINK}`;
  return [
    `trap2sink ${SINK} snmpd-traps`,
    `trapsess -Ci -t ${PATIENCE} -v 2c -c snmpd-informs ${SINK}`,
    `trapsess -e ${ENGINE} ${v3('snmpd-trap', 'SHA', 'AES')}`,
    // It asks for the receiver's engine when it starts, and waits for as long as it would for an answer.
    `trapsess -Ci -t 4 -r 1 ${v3('snmpd-inform', 'SHA-256', 'AES')}`,
  ];
}

/** The agent's own receivers, for agent.yaml. */
export const RECEIVERS = `
snmp:
  users:
    - { name: both, auth: { protocol: SHA-256, password: ${KEY} }, privacy: { protocol: AES, password: ${KEY} } }
    - { name: strong, auth: { protocol: SHA-512, password: ${KEY} }, privacy: { protocol: AES-256, password: ${KEY} } }
  notifications:
    perSecond: 1000
    burst: 1000
    receivers:
      - { address: "${SINK}", community: traps }
      - { address: "${SINK}", community: informs, inform: true, timeout: ${PATIENCE} }
      - { address: "${SINK}", user: both }
      - { address: "${SINK}", user: strong, inform: true, timeout: ${PATIENCE} }
`;

/** snmptrapd.conf for an agent with this engine id, in hexadecimal digits. */
export function trapdConf(engineId: string): string {
  return [
    ...['traps', 'informs', 'snmpd-traps', 'snmpd-informs'].map((community) => `authCommunity log ${community}`),
    `createUser -e 0x${engineId} both SHA-256 "${KEY}" AES "${KEY}"`,
    `createUser strong SHA-512 "${KEY}" AES-256 "${KEY}"`,
    `createUser -e ${ENGINE} snmpd-trap SHA "${KEY}" AES "${KEY}"`,
    `createUser snmpd-inform SHA-256 "${KEY}" AES "${KEY}"`,
    ...['snmpd-trap', 'snmpd-inform', 'both', 'strong'].map((user) => `authUser log ${user} priv`),
    '',
  ].join('\n');
}

/** What makes it write the lines that are read below; its configuration and log come before. */
export const TRAPD_WORDS = ['-X', '-On', '-F', '%P | %v\\n', `udp:${SINK}`];

/**
 * By its log, snmptrapd has its socket: only then it names its version. That it is a sub-agent of snmpd it would say with the
 * same words, and earlier (-X: it is none).
 */
export function trapdListens(log: string): boolean {
  return /^NET-SNMP version [\d.]+$/m.test(log);
}

/** snmpd tells that it has started, and repeats it as an inform for some seconds. */
const OF_SNMPD = /^1\.3\.6\.1\.6\.3\.1\.1\.4\.1\.0 = \.1\.3\.6\.1\.(6\.3\.1\.1\.5|4\.1\.8072)\./;

/** What came of us by each way: the notification and its variables, without sysUpTime. */
export function receivedBy(log: string): Map<string, string[][]> {
  const found = new Map<string, string[][]>(WAYS.map((way) => [way, []]));
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [how = '', variables] = line.split(' | ');
    const way = WAYS.find((one) => how === one || how.startsWith(`${one},`));
    if (way === undefined || variables === undefined) continue;
    const shown = variables.split('\t').map((one) => {
      const [, name = '', value = ''] = /^\.([\d.]+) = \S+: (.*?) *$/.exec(one) ?? [];
      return `${name.replace(`${KEEPALIVED_MIB}.`, '')} = ${value}`;
    });
    const told = shown.filter((one) => !one.startsWith('1.3.6.1.2.1.1.3.0 '));
    if (!OF_SNMPD.test(told[0] ?? '')) found.get(way)?.push(told);
  }
  return found;
}
