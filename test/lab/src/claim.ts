import { createServer } from 'node:net';

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

function taken(name: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(name, () => resolve(true)).unref();
  });
}
