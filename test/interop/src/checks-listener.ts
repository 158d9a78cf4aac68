import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

// Runs in a namespace: accepts connections and says nothing on them. Prints `listening PORT` and `connection PORT`; `open
// PORT` and `close PORT` on its input make and end listeners.

const servers = new Map<number, ReturnType<typeof createServer>>();

function open(port: number): void {
  const server = createServer((socket) => {
    process.stdout.write(`connection ${port}\n`);
    socket.on('error', () => socket.destroy());
    socket.resume();
  });
  server.listen(port, '0.0.0.0', () => process.stdout.write(`listening ${port}\n`));
  servers.set(port, server);
}

createInterface(process.stdin)
  .on('line', (line) => {
    const [verb, port] = line.split(' ');
    if (verb === 'open') open(Number(port));
    else servers.get(Number(port))?.close(() => process.stdout.write(`closed ${port ?? ''}\n`));
  })
  .on('close', () => process.exit());
