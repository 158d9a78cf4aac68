import { isIpv4 } from '@keepfleet/wire';
import { type Plain } from '../link/index.ts';

// Which values the schemas of virtual servers and real servers give back as they are: the usual ones of each field. What is
// not found here is shown to the schema, so that a rule may leave out what is rare, and must never let in what the schema
// would refuse or change.

const isString: Plain = (value) => typeof value === 'string';
const isText: Plain = (value) => value === null || typeof value === 'string';
const isBoolean: Plain = (value) => typeof value === 'boolean';
const isNull: Plain = (value) => value === null;
const isEmptyList: Plain = (value) => Array.isArray(value) && value.length === 0;
const isAddress: Plain = (value) => typeof value === 'string' && isIpv4(value);
const upTo =
  (most: number): Plain =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
const isCount = upTo(Number.MAX_SAFE_INTEGER);
const isCountOrNull: Plain = (value) => value === null || isCount(value);
const isPort = upTo(65_535);
const isWeight = upTo(0x7fffffff);
const isProtocol: Plain = (value) => value === 'tcp' || value === 'udp' || value === 'sctp';

/** An object with these fields and no others. */
const isObject = (fields: Readonly<Record<string, Plain>>): Plain => {
  const rules = Object.entries(fields);
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const given = Object.entries(value);
    if (given.length !== rules.length) return false;
    const has = new Map<string, unknown>(given);
    return rules.every(([name, isPlain]) => isPlain(has.get(name)));
  };
};
const isForwarding = isObject({ kind: (kind) => kind === 'nat' || kind === 'dr' });

export const plainRealServer = {
  key: isString,
  address: isAddress,
  port: isPort,
  weight: isWeight,
  configuredWeight: isWeight,
  weightIsSet: isBoolean,
  forwarding: isForwarding,
  inhibitOnFailure: isBoolean,
  slowStart: isCount,
  upperThreshold: isCount,
  lowerThreshold: isCount,
  alpha: isBoolean,
  retry: isCountOrNull,
  delayBeforeRetry: isCountOrNull,
  warmup: isCountOrNull,
  delayLoop: isCountOrNull,
  connectTimeout: isCountOrNull,
  virtualHost: isText,
  notifyUp: isNull,
  notifyDown: isNull,
  smtpAlert: isBoolean,
  snmpName: isText,
  place: isText,
  checkers: isEmptyList,
} satisfies Record<string, Plain>;

export const plainVirtualServer = {
  key: isString,
  target: isObject({ kind: (kind) => kind === 'address', address: isAddress, port: isPort }),
  protocol: isProtocol,
  flags: isObject({ flag1: isBoolean, flag2: isBoolean, flag3: isBoolean }),
  onePacket: isBoolean,
  hashed: isBoolean,
  forwarding: isForwarding,
  persistence: isNull,
  delayLoop: isCount,
  retry: isCountOrNull,
  delayBeforeRetry: isCountOrNull,
  warmup: isCountOrNull,
  connectTimeout: isCount,
  weight: isWeight,
  quorum: isCount,
  hysteresis: isCount,
  quorumUp: isNull,
  quorumDown: isNull,
  alpha: isBoolean,
  omega: isBoolean,
  haSuspend: isBoolean,
  inhibitOnFailure: isBoolean,
  smtpAlert: isBoolean,
  virtualHost: isText,
  snmpName: isText,
  place: isText,
  sorryServer: isNull,
} satisfies Record<string, Plain>;
