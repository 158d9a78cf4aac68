import { chmodSync, rmSync, statSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import type { ListenAddress } from './address.ts';

/** Members of the group may connect, others not. */
const SOCKET_MODE = 0o660;

/** Resolves with the address, its port filled in, or rejects with the system's error (EADDRINUSE, EACCES, …). */
export async function listening(server: Server, address: ListenAddress): Promise<ListenAddress> {
  if (address.kind === 'unix') await removeAbandoned(address.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  if (address.kind === 'unix') {
    chmodSync(address.path, SOCKET_MODE);
    return address;
  }
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? { ...address, port: bound.port } : address;
}

/** A socket file that nobody answers on was left behind by a crash. */
async function removeAbandoned(path: string): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect({ path }, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
  if (!answered) rmSync(path);
}
