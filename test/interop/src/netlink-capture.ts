import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keepfleet/testkit';
import type { IpvsNode } from './ipvs-node.ts';

/** Requests of generic netlink that programs of a namespace sent, a list of commands for each system call. */
export class NetlinkCapture {
  readonly #file: string;
  readonly #child: ChildProcess;

  private constructor(file: string, child: ChildProcess) {
    this.#file = file;
    this.#child = child;
  }

  static async start(node: IpvsNode): Promise<NetlinkCapture> {
    node.run('modprobe', '-d', '/run/modules', 'nlmon');
    node.ip('link', 'add', 'nlmon0', 'type', 'nlmon');
    node.ip('link', 'set', 'nlmon0', 'up');
    const file = join(node.directory, 'netlink.pcap');
    const words = ['-i', 'nlmon0', '-w', file, '-U', '-Z', 'root', '--immediate-mode', '-B', '8192'];
    const child = spawn('ip', ['netns', 'exec', node.name, 'tcpdump', ...words], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await waitFor(() => said.includes('listening on'), { deadline: 60_000, what: `tcpdump that listens: ${said}` });
    return new NetlinkCapture(file, child);
  }

  async stop(): Promise<number[][]> {
    this.#child.kill('SIGINT');
    await once(this.#child, 'exit');
    return requestsIn(readFileSync(this.#file));
  }
}

/** IPVS_CMD_GET_SERVICE, _DEST, _DAEMON, _CONFIG and _INFO of linux/ip_vs.h. */
const reads: ReadonlySet<number> = new Set([4, 8, 11, 13, 15]);

/** Whether a command of IPVS changes nothing. */
export function isReading(command: number): boolean {
  return reads.has(command);
}

const FILE_HEADER = 24;
const PACKET_HEADER = 16;
/** Before the messages: of what kind the packet is, and at its end the protocol of netlink. */
const COOKED_HEADER = 16;
const NETLINK_GENERIC = 16;
const MESSAGE_HEADER = 16;
const NLM_F_REQUEST = 1;
/** Asks which families there are. */
const GENL_ID_CTRL = 16;

function requestsIn(pcap: Buffer): number[][] {
  const calls: number[][] = [];
  for (let at = FILE_HEADER; at < pcap.length;) {
    const length = pcap.readUInt32LE(at + 8);
    const packet = pcap.subarray(at + PACKET_HEADER, at + PACKET_HEADER + length);
    at += PACKET_HEADER + length;
    if (packet.readUInt16BE(COOKED_HEADER - 2) !== NETLINK_GENERIC) continue;
    const commands = commandsIn(packet.subarray(COOKED_HEADER));
    if (commands.length > 0) calls.push(commands);
  }
  return calls;
}

function commandsIn(messages: Buffer): number[] {
  const commands: number[] = [];
  for (let at = 0; at + MESSAGE_HEADER < messages.length;) {
    const length = messages.readUInt32LE(at);
    const isRequest = (messages.readUInt16LE(at + 6) & NLM_F_REQUEST) !== 0;
    if (isRequest && messages.readUInt16LE(at + 4) !== GENL_ID_CTRL)
      commands.push(messages.readUInt8(at + MESSAGE_HEADER));
    at += Math.max(MESSAGE_HEADER, (length + 3) & ~3);
  }
  return commands;
}
