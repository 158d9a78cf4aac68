import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Service } from './commands.ts';
import { paths } from './paths.ts';

export interface Forward {
  name: string;
  /** On the machine's own loopback. */
  port: number;
  server: Server;
}

/** The far end of a forward, inside a namespace: from a UNIX socket of the lab to a port on the namespace's loopback. */
export function forwardService(name: string, port: number): Service {
  return {
    name: `forward-${name}`,
    // Without -t socat cuts the answer half a second after the end of the request.
    argv: ['socat', '-t', '600', `UNIX-LISTEN:${socketOf(name)},fork,unlink-early,mode=600`, `TCP:127.0.0.1:${port}`],
  };
}

/** The near end: listens on the machine's loopback, on the first free port from `first` on. */
export async function openForward(name: string, first: number): Promise<Forward> {
  for (let port = first; port < first + 100; port++) {
    const server = createServer((near) => {
      const far = createConnection(socketOf(name));
      near.pipe(far).pipe(near);
      // An end that breaks breaks the other: the client sees what it would see of a controller that is gone.
      near.on('error', () => far.destroy()).on('close', () => far.destroy());
      far.on('error', () => near.resetAndDestroy()).on('close', () => near.destroy());
    });
    if (await listens(server, port)) return { name, port, server };
  }
  throw new Error(`no free port on 127.0.0.1 between ${first} and ${first + 99} for the controller's ${name}`);
}

function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
}

function socketOf(name: string): string {
  return join(paths.forwards, `${name}.sock`);
}
