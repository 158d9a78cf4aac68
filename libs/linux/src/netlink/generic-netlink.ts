import { ByteWriter, UnexpectedEnd, tryRead } from '@keepfleet/wire';
import { LinuxError, isLinuxError } from '../errors.ts';
import { AttributeWriter, Attributes } from './attributes.ts';
import { NETLINK_GENERIC, type NetlinkReply, NetlinkSocket, malformed } from './netlink-socket.ts';

const GENL_ID_CTRL = 0x10;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const CTRL_ATTR_VERSION = 3;

//  | command | version |  reserved  |   include/uapi/linux/genetlink.h
const GENERIC_HEADER = 4;

export interface GenericRequest {
  readonly command: number;
  /** Encoded attributes. */
  readonly attributes?: Uint8Array;
  /** NLM_F flags besides REQUEST and ACK. */
  readonly flags?: number;
  /** What the request does, for the message of its error. */
  readonly about?: string;
}

/** Changes that are written into the memory that they are sent from; see {@link NetlinkChanges}. */
export interface GenericChanges {
  readonly count: number;
  command(index: number): number;
  /** Appends the attributes of one. */
  write(writer: ByteWriter, index: number): unknown;
  about(index: number): string;
}

export interface GenericReply {
  readonly command: number;
  /** Encoded attributes. */
  readonly attributes: Uint8Array;
}

/** One family of generic netlink (IPVS is one), on a socket of its own. All calls are synchronous. */
export class GenericNetlink {
  readonly family: string;
  readonly version: number;
  readonly #socket: NetlinkSocket;
  readonly #type: number;
  /** By command. */
  readonly #headers = new Map<number, Uint8Array>();

  /** Throws {@link LinuxError} ENOENT when the kernel does not have the family: its module is not loaded, or not there. */
  constructor(family: string, receiveBuffer?: number) {
    this.family = family;
    this.#socket = new NetlinkSocket(NETLINK_GENERIC, receiveBuffer);
    try {
      const { type, version } = resolve(this.#socket, family);
      this.#type = type;
      this.version = version;
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  /** Carries out one request; gives the objects it answers with, none for a change. */
  request(request: GenericRequest): GenericReply[] {
    return this.#socket.request(this.#encode(request)).map((reply) => this.#decode(reply));
  }

  dump(request: GenericRequest): GenericReply[] {
    return this.#socket.dump(this.#encode(request)).map((reply) => this.#decode(reply));
  }

  /** Many changes in their order, a hundred or `messages` to a system call: those that failed, by their index. */
  carryOut(changes: GenericChanges, messages?: number): Map<number, LinuxError> {
    return this.#socket.carryOut(
      {
        type: this.#type,
        count: changes.count,
        write: (writer, index) => {
          writer.u16le(changes.command(index) | (this.version << 8)).u16le(0);
          changes.write(writer, index);
        },
        about: (index) => changes.about(index),
      },
      messages,
    );
  }

  close(): void {
    this.#socket.close();
  }

  #encode({ command, attributes = new Uint8Array(), flags = 0, about }: GenericRequest) {
    const header = this.#headers.get(command) ?? genericHeader(command, this.version);
    this.#headers.set(command, header);
    return {
      type: this.#type,
      flags,
      header,
      payload: attributes,
      about: about ?? `${this.family} command ${command}`,
    };
  }

  #decode(reply: NetlinkReply): GenericReply {
    const [command] = reply.payload;
    if (command === undefined || reply.payload.length < GENERIC_HEADER)
      throw malformed(new UnexpectedEnd(GENERIC_HEADER, reply.payload.length), this.family);
    return { command, attributes: reply.payload.subarray(GENERIC_HEADER) };
  }
}

function resolve(socket: NetlinkSocket, name: string): { type: number; version: number } {
  const attributes = new AttributeWriter().text(CTRL_ATTR_FAMILY_NAME, name).finish();
  const about = `find the generic netlink family ${name}`;
  const replies = ask(socket, name, {
    type: GENL_ID_CTRL,
    header: genericHeader(CTRL_CMD_GETFAMILY, 1),
    payload: attributes,
    about,
  });
  const family = tryRead(replies[0]?.payload ?? new Uint8Array(), (reader) => {
    reader.skip(GENERIC_HEADER);
    const found = new Attributes(reader.rest());
    return { type: found.u16(CTRL_ATTR_FAMILY_ID), version: found.u32(CTRL_ATTR_VERSION) };
  });
  if (!family.ok) throw malformed(family.error, about);
  const { type, version = 1 } = family.value;
  if (type === undefined) throw malformed(new Error('no family number'), about);
  return { type, version };
}

function ask(socket: NetlinkSocket, name: string, request: Parameters<NetlinkSocket['request']>[0]): NetlinkReply[] {
  try {
    return socket.request(request);
  } catch (error) {
    if (!isLinuxError(error, 'ENOENT')) throw error;
    const detail = `the kernel has no generic netlink family ${name}: its module is not loaded, or this kernel has none`;
    throw new LinuxError({ call: 'netlink', errno: error.errno, detail, cause: error });
  }
}

function genericHeader(command: number, version: number): Uint8Array {
  return new ByteWriter(GENERIC_HEADER).u8(command).u8(version).zeros(2).finish();
}
