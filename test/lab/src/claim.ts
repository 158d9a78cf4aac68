import { createConnection, createServer } from 'node:net';

/**
 * Makes this process the only one that may build the lab, until it ends, however it ends: the name of an abstract socket
 * is free again with its process. One that is just ending is given a moment.
 */
export async function claim(name: string, patience = 2_000): Promise<void> {
  const deadline = Date.now() + patience;
  while (!(await taken(name))) {
    if (Date.now() > deadline) throw new Error('a lab is being started by another process; wait for it');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The process that has the claim, or undefined; it tells whoever connects. */
export function claimant(name: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = createConnection(name);
    socket.setEncoding('latin1').on('data', (piece: string) => (text += piece));
    const end = () => {
      socket.destroy();
      resolve(Number(text) > 0 ? Number(text) : undefined);
    };
    socket.once('end', end);
    // A process that is stopped takes the connection and says nothing.
    socket.setTimeout(2_000, end);
    socket.once('error', (error) => {
      if ('code' in error && error.code === 'ECONNREFUSED') resolve(undefined);
      // It is ending at this moment.
      else if ('code' in error && error.code === 'ECONNRESET') resolve(claimant(name));
      else reject(error);
    });
  });
}

function taken(name: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(String(process.pid));
    });
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(name, () => resolve(true)).unref();
  });
}
