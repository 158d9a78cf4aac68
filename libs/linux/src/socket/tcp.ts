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
  SOL_SOCKET,
  SO_ERROR,
  bindToDevice,
  setMark,
  setOption,
} from './options.ts';

const SO_REUSEADDR = 2;

export interface TcpSettings {
  readonly destination: IpAddress;
  readonly port: number;
  /** Interface index, for a link-local destination. */
  readonly scope?: number | undefined;
  /** Connect from this address, and this port unless 0. */
  readonly source?: { readonly address: IpAddress; readonly port?: number | undefined } | undefined;
  /** Connect through this interface whatever the routes say. */
  readonly device?: string | undefined;
  /** Firewall mark of the packets. */
  readonly mark?: number | undefined;
}

/**
 * Opens a TCP connection with options that `net.connect` does not have. Rejects with {@link LinuxError}, such as
 * ECONNREFUSED, or with the reason of `signal`, which also is the time limit: without one the kernel gives up after
 * two minutes.
 */
export async function connectTcp(settings: TcpSettings, signal?: AbortSignal): Promise<Socket> {
  signal?.throwIfAborted();
  const { destination, port, source } = settings;
  const detail = `${destination} port ${port}`;
  const fd = checked(
    attempt(
      'socket',
      familyOf(destination) === 'ipv4' ? AF_INET : AF_INET6,
      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
      0,
    ),
    'socket SOCK_STREAM',
  );
  try {
    if (settings.device !== undefined) bindToDevice(fd, settings.device);
    if (settings.mark !== undefined) setMark(fd, settings.mark);
    if (source !== undefined) {
      // A fixed source port is used again and again, also while an earlier connection lingers.
      setOption(fd, { level: SOL_SOCKET, option: SO_REUSEADDR, name: 'SO_REUSEADDR' }, 1);
      const local = socketAddress(source.address, source.port ?? 0, settings.scope);
      checked(attempt('bind', fd, local, local.length), 'bind', { detail: `to ${source.address}` });
    }
    const remote = socketAddress(destination, port, settings.scope);
    const result = attempt('connect', fd, remote, remote.length);
    if (result < 0 && result !== -constants.errno.EINPROGRESS) checked(result, 'connect', { detail });
    if (result < 0) await writable(fd, signal);
    const error = pendingError(fd);
    if (error !== 0) throw new LinuxError({ call: 'connect', errno: error, detail });
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
  return new Socket({ fd, readable: true, writable: true });
}

function writable(fd: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      handle.close();
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = () => finish(() => reject(abortReason(signal)));
    // The callback runs outside of a task; the immediate gives the promise its turn (see ReadableWatch).
    const handle = koffi.node.poll(fd, { writable: true }, () => {
      handle.stop();
      setImmediate(() => {
        if (signal?.aborted !== true) finish(resolve);
      });
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
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
