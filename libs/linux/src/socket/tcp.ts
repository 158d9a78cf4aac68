import { Socket } from 'node:net';
import { constants } from 'node:os';
import { type IpAddress, familyOf } from '@keepfleet/wire';
import koffi from 'koffi';
import { LinuxError } from '../errors.ts';
import { attempt, checked, closeDescriptor, int32 } from '../libc.ts';
import { socketAddress } from './address.ts';
import {
  AF_INET,
  AF_INET6,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IP,
  SOL_SOCKET,
  SO_ERROR,
  bindToDevice,
  setMark,
  setOption,
} from './options.ts';

const SO_REUSEADDR = 2;
const IP_BIND_ADDRESS_NO_PORT = 24;

/** What a socket is given before it is connected. */
export interface SourceSettings {
  /** Interface index, for a link-local destination. */
  readonly scope?: number | undefined;
  /** Connect from this address, and this port unless 0. */
  readonly source?: { readonly address: IpAddress; readonly port?: number | undefined } | undefined;
  /** Connect through this interface whatever the routes say. */
  readonly device?: string | undefined;
  /** Firewall mark of the packets. */
  readonly mark?: number | undefined;
}

export interface TcpSettings extends SourceSettings {
  readonly destination: IpAddress;
  readonly port: number;
}

/** A connection that is being made. */
export interface TcpAttempt {
  /** Ends the attempt; nothing is told any more. Without effect once it was told. */
  cancel(): void;
}

/**
 * Begins a TCP connection with options that `net.connect` does not have, and tells how it ended: with a descriptor that
 * the caller closes, or a {@link LinuxError} such as ECONNREFUSED. Tells in a later task, never in this call. There is no
 * time limit but `cancel`: the kernel's own is two minutes.
 */
export function beginTcp(
  settings: TcpSettings,
  done: (outcome: { readonly fd: number } | { readonly error: unknown }) => void,
): TcpAttempt {
  let fd = -1;
  let over = false;
  const fail = (error: unknown) => {
    if (fd >= 0) closeDescriptor(fd);
    setImmediate(() => {
      if (!over) done({ error });
      over = true;
    });
  };
  try {
    fd = openFor(settings);
    const { destination, port } = settings;
    const remote = socketAddress(destination, port, settings.scope);
    const result = attempt('connect', fd, remote, remote.length);
    if (result < 0 && result !== -constants.errno.EINPROGRESS)
      checked(result, 'connect', { detail: `${destination} port ${port}` });
  } catch (error) {
    fail(error);
    return { cancel: () => void (over = true) };
  }
  const settle = () => {
    handle.close();
    over = true;
    const errno = pendingError(fd);
    if (errno === 0) return done({ fd });
    closeDescriptor(fd);
    done({
      error: new LinuxError({ call: 'connect', errno, detail: `${settings.destination} port ${settings.port}` }),
    });
  };
  // The callback runs outside of a task; the immediate gives promises their turn (see ReadableWatch).
  const handle = koffi.node.poll(fd, { writable: true }, () => {
    handle.stop();
    setImmediate(() => {
      if (!over) settle();
    });
  });
  return {
    cancel() {
      if (over) return;
      over = true;
      handle.close();
      closeDescriptor(fd);
    },
  };
}

/** Gives the descriptor of {@link beginTcp} back. */
export function closeTcp(fd: number): void {
  closeDescriptor(fd);
}

/** Turns the descriptor of {@link beginTcp} into a stream that owns it. */
export function tcpStream(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: true });
}

/**
 * Opens a TCP connection with options that `net.connect` does not have. Rejects with {@link LinuxError}, such as
 * ECONNREFUSED, or with the reason of `signal`, which also is the time limit: without one the kernel gives up after
 * two minutes.
 */
export async function connectTcp(settings: TcpSettings, signal?: AbortSignal): Promise<Socket> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const tried = beginTcp(settings, (outcome) => {
      signal?.removeEventListener('abort', onAbort);
      if ('fd' in outcome) resolve(tcpStream(outcome.fd));
      else reject(outcome.error instanceof Error ? outcome.error : new Error(String(outcome.error)));
    });
    const onAbort = () => {
      tried.cancel();
      reject(abortReason(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function openFor({ destination, device, mark, source, scope }: TcpSettings): number {
  const family = familyOf(destination) === 'ipv4' ? AF_INET : AF_INET6;
  const fd = checked(attempt('socket', family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket SOCK_STREAM');
  try {
    prepare(fd, { device, mark, source, scope });
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
  return fd;
}

/** The options and the source of a socket that is not yet connected. */
export function prepare(fd: number, { device, mark, source, scope }: SourceSettings): void {
  if (device !== undefined) bindToDevice(fd, device);
  if (mark !== undefined) setMark(fd, mark);
  if (source === undefined) return;
  const port = source.port ?? 0;
  // A fixed source port is used again and again, also while an earlier connection lingers; without one the kernel picks
  // it when it knows the destination, so that sources do not run out.
  if (port === 0) setOption(fd, { level: SOL_IP, option: IP_BIND_ADDRESS_NO_PORT, name: 'IP_BIND_ADDRESS_NO_PORT' }, 1);
  else setOption(fd, { level: SOL_SOCKET, option: SO_REUSEADDR, name: 'SO_REUSEADDR' }, 1);
  const local = socketAddress(source.address, port, scope);
  checked(attempt('bind', fd, local, local.length), 'bind', { detail: `to ${source.address}` });
}

function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}

function pendingError(fd: number): number {
  const value = int32(0);
  checked(attempt('getsockopt', fd, SOL_SOCKET, SO_ERROR, value, int32(4)), 'getsockopt SO_ERROR');
  return new DataView(value.buffer).getInt32(0, true);
}
