import { ByteReader, ByteWriter, type Result, err, ok } from '@keepfleet/wire';
import type { DecodeError } from './errors.ts';

/** UDP destination ports: RFC 5881 section 4, RFC 5883 section 5. */
export const PORTS = { single: 3784, multi: 4784 } as const;
/** RFC 5881 section 4: one of these for all packets of a session. */
export const SOURCE_PORTS = { lowest: 49_152, highest: 65_535 } as const;
/** TTL or hop limit of what is sent over a single hop, and of what is believed: RFC 5881 section 5. */
export const BFD_TTL = 255;

const VERSION = 1;
const LENGTH = 24;
/** With an Authentication Section, of which Type and Length are the least. */
const AUTHENTICATED_LENGTH = 26;

/** Values of the Sta field, in the order of the standard. */
export const STATES = ['admin-down', 'down', 'init', 'up'] as const;

export type SessionState = (typeof STATES)[number];

/**
 * RFC 5880 section 4.1, without the Authentication Section:
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
 *    |                       My Discriminator                        |
 *    |                      Your Discriminator                       |
 *    |                    Desired Min TX Interval                    |
 *    |                   Required Min RX Interval                    |
 *    |                 Required Min Echo RX Interval                 |
 */
export interface ControlPacket {
  readonly diagnostic: number;
  readonly state: SessionState;
  readonly poll: boolean;
  readonly final: boolean;
  readonly controlPlaneIndependent: boolean;
  readonly authenticated: boolean;
  readonly demand: boolean;
  readonly detectMult: number;
  readonly myDiscriminator: number;
  readonly yourDiscriminator: number;
  /** Microseconds, as the two below. */
  readonly desiredMinTx: number;
  readonly requiredMinRx: number;
  readonly requiredMinEchoRx: number;
}

const POLL = 0x20;
const FINAL = 0x10;
const CONTROL_PLANE_INDEPENDENT = 0x08;
const AUTHENTICATION = 0x04;
const DEMAND = 0x02;
const MULTIPOINT = 0x01;

/** What we send is never authenticated: the A bit of `packet` is not looked at. */
export function encodePacket(packet: ControlPacket): Uint8Array<ArrayBuffer> {
  const flags =
    (packet.poll ? POLL : 0) |
    (packet.final ? FINAL : 0) |
    (packet.controlPlaneIndependent ? CONTROL_PLANE_INDEPENDENT : 0) |
    (packet.demand ? DEMAND : 0);
  return new ByteWriter(LENGTH)
    .u8((VERSION << 5) | packet.diagnostic)
    .u8((STATES.indexOf(packet.state) << 6) | flags)
    .u8(packet.detectMult)
    .u8(LENGTH)
    .u32(packet.myDiscriminator)
    .u32(packet.yourDiscriminator)
    .u32(packet.desiredMinTx)
    .u32(packet.requiredMinRx)
    .u32(packet.requiredMinEchoRx)
    .finish();
}

/**
 * The checks of RFC 5880 section 6.8.6 that need no session, in its order. Total: any bytes give a packet or an error.
 * Bytes behind Length are not part of the packet, and neither is the Authentication Section of ours.
 */
export function decodePacket(bytes: Uint8Array): Result<ControlPacket, DecodeError> {
  if (bytes.length < LENGTH) return err({ kind: 'too-short', length: bytes.length, wanted: LENGTH });
  const reader = new ByteReader(bytes);
  const versionAndDiagnostic = reader.u8();
  const version = versionAndDiagnostic >> 5;
  if (version !== VERSION) return err({ kind: 'version', version });
  const stateAndFlags = reader.u8();
  const has = (flag: number) => (stateAndFlags & flag) !== 0;
  const detectMult = reader.u8();
  const length = reader.u8();
  const wanted = has(AUTHENTICATION) ? AUTHENTICATED_LENGTH : LENGTH;
  if (length < wanted) return err({ kind: 'length', length, wanted });
  if (length > bytes.length) return err({ kind: 'truncated', length, present: bytes.length });
  if (detectMult === 0) return err({ kind: 'detect-mult' });
  if (has(MULTIPOINT)) return err({ kind: 'multipoint' });
  const myDiscriminator = reader.u32();
  if (myDiscriminator === 0) return err({ kind: 'my-discriminator' });
  const yourDiscriminator = reader.u32();
  const state = STATES[stateAndFlags >> 6] ?? 'admin-down';
  if (yourDiscriminator === 0 && (state === 'init' || state === 'up'))
    return err({ kind: 'your-discriminator', state });
  // "MUST NOT have both" (section 6.5); keepalived discards them too.
  if (has(POLL) && has(FINAL)) return err({ kind: 'poll-and-final' });
  return ok({
    diagnostic: versionAndDiagnostic & 0x1f,
    state,
    poll: has(POLL),
    final: has(FINAL),
    controlPlaneIndependent: has(CONTROL_PLANE_INDEPENDENT),
    authenticated: has(AUTHENTICATION),
    demand: has(DEMAND),
    detectMult,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTx: reader.u32(),
    requiredMinRx: reader.u32(),
    requiredMinEchoRx: reader.u32(),
  });
}
