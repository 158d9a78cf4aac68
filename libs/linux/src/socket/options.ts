import { type Capability } from '../errors.ts';
import { type Bytes, attempt, checked, int32, pinned } from '../libc.ts';

// Numbers of the generic Linux ABI (x86, Arm, RISC-V), include/uapi and asm-generic.
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export const SOL_IP = 0;
export const SOL_SOCKET = 1;
export const SOL_IPV6 = 41;
export const SOL_NETLINK = 270;

export const SO_ERROR = 4;
const SO_RCVBUF = 8;
const SO_PRIORITY = 12;
const SO_RCVTIMEO = 20;
const SO_BINDTODEVICE = 25;
const SO_RCVBUFFORCE = 33;
const SO_MARK = 36;

interface Option {
  readonly level: number;
  readonly option: number;
  readonly name: string;
  readonly detail?: string;
  readonly needs?: Capability;
}

export function setOption(fd: number, { level, option, name, ...context }: Option, value: Bytes | number): void {
  const bytes = typeof value === 'number' ? int32(value) : value;
  checked(attempt('setsockopt', fd, level, option, bytes, bytes.length), `setsockopt ${name}`, context);
}

/** More than the administrator's limit needs CAP_NET_ADMIN; without it the limit has to do. */
export function setReceiveBuffer(fd: number, size: number): void {
  if (attempt('setsockopt', fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(size), 4) < 0)
    setOption(fd, { level: SOL_SOCKET, option: SO_RCVBUF, name: 'SO_RCVBUF' }, size);
}

export function setReceiveTimeout(fd: number, milliseconds: number): void {
  const time = pinned(16);
  const view = new DataView(time.buffer);
  view.setBigInt64(0, BigInt(Math.floor(milliseconds / 1000)), true);
  view.setBigInt64(8, BigInt((milliseconds % 1000) * 1000), true);
  setOption(fd, { level: SOL_SOCKET, option: SO_RCVTIMEO, name: 'SO_RCVTIMEO' }, time);
}

/** Sends and receives through one interface only. */
export function bindToDevice(fd: number, device: string): void {
  setOption(
    fd,
    { level: SOL_SOCKET, option: SO_BINDTODEVICE, name: 'SO_BINDTODEVICE', detail: device, needs: 'CAP_NET_RAW' },
    new TextEncoder().encode(`${device}\0`),
  );
}

export function setPriority(fd: number, priority: number): void {
  setOption(
    fd,
    { level: SOL_SOCKET, option: SO_PRIORITY, name: 'SO_PRIORITY', detail: `${priority}`, needs: 'CAP_NET_ADMIN' },
    priority,
  );
}

export function setMark(fd: number, mark: number): void {
  setOption(
    fd,
    { level: SOL_SOCKET, option: SO_MARK, name: 'SO_MARK', detail: `${mark}`, needs: 'CAP_NET_ADMIN' },
    mark | 0,
  );
}
