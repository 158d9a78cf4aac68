/**
 * `node snmp-null-agent-main.ts SOCKET SUBTREE VARIABLES`: a sub-agent that looks nothing up and makes no answer: those to
 * GetNext below SUBTREE (and to Get of the first) are there before they are asked for. How fast it is walked is what snmpd,
 * its sockets and Node leave to any sub-agent.
 */
import { connect } from 'node:net';

/** RFC 2741 section 6.1. */
const HEADER = 20;
const OPEN = 1;
const REGISTER = 3;
const GET = 5;
const GET_NEXT = 6;
const RESPONSE = 18;
const NETWORK_BYTE_ORDER = 0x10;
/** Session, transaction and packet, which an answer takes over from its question. */
const IDS = [4, 8, 12] as const;
const INTEGER = 2;
const END_OF_MIB_VIEW = 130;
const PREFIX_LENGTH = 5;

const [, , path = '', subtree = '', variables = '0'] = process.argv;
const root = subtree.split('.').map(Number);
/** Column 3 of instance 1, where the table has its addresses. */
const column = [...root, 1, 3, 1];
const answers = Array.from({ length: Number(variables) }, (_, i) => answer([...column, i + 1], INTEGER, [0, 0, 0, 1]));
const end = answer(root, END_OF_MIB_VIEW, []);
let session: number | undefined;
let left = Buffer.alloc(0);

const open = [60, 0, 0, 0, ...oidBytes([]), 0, 0, 0, 0];
const socket = connect({ path }, () => socket.write(pdu(OPEN, open)));
socket.on('data', (chunk) => {
  let bytes = left.length === 0 ? chunk : Buffer.concat([left, chunk]);
  for (;;) {
    const length = bytes.length < HEADER ? Infinity : HEADER + wordOf(bytes, 16);
    if (bytes.length < length) break;
    take(bytes.subarray(0, length));
    bytes = bytes.subarray(length);
  }
  left = bytes;
});

function take(request: Buffer): void {
  const [, type] = request;
  if (type === RESPONSE && session === undefined) {
    session = wordOf(request, IDS[0]);
    const register = pdu(REGISTER, [0, 127, 0, 0, ...oidBytes(root)]);
    register.writeUInt32BE(session, IDS[0]);
    socket.write(register);
  }
  if (type !== GET && type !== GET_NEXT) return;
  const found = answers[type === GET ? 0 : nextOf(request)] ?? end;
  for (const at of IDS) found.writeUInt32BE(wordOf(request, at), at);
  socket.write(found);
}

/** Position of the answer: behind the number that the name ends with, or the first where it is a shorter one. */
function nextOf(request: Buffer): number {
  const [count = 0, prefix = 0] = request.subarray(HEADER);
  const whole = column.length + 1 - (prefix === 0 ? 0 : PREFIX_LENGTH);
  return count < whole ? 0 : wordOf(request, HEADER + 4 * count);
}

/** In the order of bytes that the header tells. */
function wordOf(bytes: Buffer, at: number): number {
  return ((bytes[2] ?? 0) & NETWORK_BYTE_ORDER) === 0 ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
}

function answer(name: readonly number[], type: number, value: readonly number[]): Buffer {
  return pdu(RESPONSE, [0, 0, 0, 0, 0, 0, 0, 0, 0, type, 0, 0, ...oidBytes(name), ...value]);
}

function oidBytes(name: readonly number[]): number[] {
  return [name.length, 0, 0, 0, ...name.flatMap((id) => [id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255])];
}

function pdu(type: number, payload: readonly number[]): Buffer {
  const bytes = Buffer.from([1, type, NETWORK_BYTE_ORDER, 0, ...new Array<number>(16).fill(0), ...payload]);
  bytes.writeUInt32BE(payload.length, 16);
  return bytes;
}
