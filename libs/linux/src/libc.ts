import { constants } from 'node:os';
import koffi from 'koffi';
import { type Failure, LinuxError } from './errors.ts';

const { EINTR } = constants.errno;

/** Memory handed to the kernel: views of buffers outside the garbage collector's moving heap, see {@link pinned}. */
export type Bytes = Uint8Array<ArrayBuffer>;

// dlopen(NULL): the C library that Node itself runs on, glibc or musl.
const library = koffi.load(null);

type Sized = number | bigint;

const functions = {
  socket: library.func('int socket(int, int, int)') as (domain: number, type: number, protocol: number) => number,
  bind: library.func('int bind(int, const void *, uint32_t)') as (fd: number, address: Bytes, length: number) => number,
  connect: library.func('int connect(int, const void *, uint32_t)') as (
    fd: number,
    address: Bytes,
    length: number,
  ) => number,
  setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)') as (
    fd: number,
    level: number,
    option: number,
    value: Bytes,
    length: number,
  ) => number,
  getsockopt: library.func('int getsockopt(int, int, int, void *, void *)') as (
    fd: number,
    level: number,
    option: number,
    value: Bytes,
    length: Bytes,
  ) => number,
  send: library.func('intptr_t send(int, const void *, size_t, int)') as (
    fd: number,
    data: Bytes,
    length: number,
    flags: number,
  ) => Sized,
  sendto: library.func('intptr_t sendto(int, const void *, size_t, int, const void *, uint32_t)') as (
    fd: number,
    data: Bytes,
    length: number,
    flags: number,
    address: Bytes,
    addressLength: number,
  ) => Sized,
  sendmsg: library.func('intptr_t sendmsg(int, const void *, int)') as (
    fd: number,
    message: Bytes,
    flags: number,
  ) => Sized,
  recv: library.func('intptr_t recv(int, void *, size_t, int)') as (
    fd: number,
    data: Bytes,
    length: number,
    flags: number,
  ) => Sized,
  recvmsg: library.func('intptr_t recvmsg(int, void *, int)') as (fd: number, message: Bytes, flags: number) => Sized,
  dlsym: library.func('uintptr_t dlsym(uintptr_t, const char *)') as (library: number, name: string) => Sized,
  read: library.func('intptr_t read(int, void *, size_t)') as (fd: number, data: Bytes, length: number) => Sized,
  timerfd_create: library.func('int timerfd_create(int, int)') as (clock: number, flags: number) => number,
  timerfd_settime: library.func('int timerfd_settime(int, int, const void *, uintptr_t)') as (
    fd: number,
    flags: number,
    value: Bytes,
    before: number,
  ) => number,
  fcntl: library.func('int fcntl(int, int, int)') as (fd: number, command: number, value: number) => number,
  dup3: library.func('int dup3(int, int, int)') as (fd: number, to: number, flags: number) => number,
  eventfd: library.func('int eventfd(unsigned int, int)') as (value: number, flags: number) => number,
  sigaction: library.func('int sigaction(int, const void *, intptr_t)') as (
    signal: number,
    action: Bytes,
    before: number,
  ) => number,
  clock_gettime: library.func('int clock_gettime(int, void *)') as (clock: number, time: Bytes) => number,
  mkfifo: library.func('int mkfifo(const char *, uint32_t)') as (path: string, mode: number) => number,
  poll: library.func('int poll(void *, unsigned long, int)') as (
    polled: Bytes,
    count: number,
    timeout: number,
  ) => number,
  flock: library.func('int flock(int, int)') as (fd: number, operation: number) => number,
  close: library.func('int close(int)') as (fd: number) => number,
  setns: library.func('int setns(int, int)') as (fd: number, kind: number) => number,
  sched_setscheduler: library.func('int sched_setscheduler(int, int, const void *)') as (
    pid: number,
    policy: number,
    parameter: Bytes,
  ) => number,
  syscall: library.func('intptr_t syscall(intptr_t, uintptr_t, uintptr_t, uintptr_t)') as (
    number: number,
    a: Sized,
    b: Sized,
    c: Sized,
  ) => Sized,
  prctl: library.func('int prctl(int, uintptr_t, uintptr_t, uintptr_t, uintptr_t)') as (
    operation: number,
    a: Sized,
    b: Sized,
    c: Sized,
    d: Sized,
  ) => number,
  setrlimit: library.func('int setrlimit(int, const void *)') as (resource: number, limits: Bytes) => number,
};

type Functions = typeof functions;

/** What a failure message adds to the bare system call. */
export type Context = Partial<Pick<Failure, 'call' | 'detail' | 'needs'>>;

/** Calls a function of the C library, again when a signal interrupted it, and gives -errno when it fails. */
export function attempt<Name extends keyof Functions>(name: Name, ...args: Parameters<Functions[Name]>): number {
  const invoke = functions[name] as (...all: Parameters<Functions[Name]>) => Sized;
  for (;;) {
    const result = Number(invoke(...args));
    if (result >= 0) return result;
    const errno = koffi.errno();
    if (errno !== EINTR) return -errno;
  }
}

/** Passes a result of {@link attempt} on; a failure is thrown. */
export function checked(result: number, call: string, context: Context = {}): number {
  if (result < 0) throw new LinuxError({ call, errno: -result, ...context });
  return result;
}

/** Gives the descriptor back. Never repeated: after an interrupted close its number may already be someone else's. */
export function closeDescriptor(fd: number): void {
  functions.close(fd);
}

/** Zeroed memory with a fixed address, which a structure for the kernel may point to for as long as it is referenced. */
export function pinned(size: number): Bytes {
  return new Uint8Array(new ArrayBuffer(size));
}

export function addressOf(memory: Bytes): bigint {
  return koffi.address(memory);
}

/** Where a function of the C library is; undefined where it has none of that name. */
export function addressOfFunction(name: string): bigint | undefined {
  const address = BigInt(functions.dlsym(0, name));
  return address === 0n ? undefined : address;
}

export function int32(value: number): Bytes {
  const bytes = pinned(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}
