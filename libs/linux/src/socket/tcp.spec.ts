import { once } from 'node:events';
import { type Server, type Socket, createServer } from 'node:net';
import { ip } from '@keepfleet/wire';
import { afterEach, describe, expect, it } from 'vitest';
import { connectTcp } from './tcp.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listening(host: string, onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer(onConnection).listen(0, host);
  servers.push(server);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('connectTcp', () => {
  it.each([
    ['127.0.0.1', '127.0.0.9'],
    ['::1', '::1'],
  ])('connects to %s from the address asked for, both ways', async (host, from) => {
    const port = await listening(host, (socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(`hello ${socket.remoteAddress ?? '?'}`);
    });
    const socket = await connectTcp({ destination: ip(host), port, source: { address: ip(from) } });
    let text = '';
    for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
    expect(text).toBe(`hello ${from}`);
  });

  it('says that nobody listens', async () => {
    const port = await listening('127.0.0.1', (socket) => socket.destroy());
    await new Promise((resolve) => servers.pop()?.close(resolve));
    await expect(connectTcp({ destination: ip('127.0.0.1'), port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('says that a source address is not ours', async () => {
    const settings = { destination: ip('127.0.0.1'), port: 9, source: { address: ip('192.0.2.1') } };
    await expect(connectTcp(settings)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });

  it('gives up when told to', async () => {
    const reason = new Error('enough');
    await expect(connectTcp({ destination: ip('127.0.0.1'), port: 9 }, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
