import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AppModule, type Given } from '../app.module.ts';
import { NestLog } from '../common/nest-log.ts';
import { isLocal, type ListenAddress } from '../listen/address.ts';
import { RenewedTls, type TlsPem } from '../listen/tls.ts';
import type { Options } from '../options.ts';
import { openApiDocument } from './openapi.ts';
import { sendProblem } from './problem.filter.ts';

const LARGEST_BODY = 256 * 1024;

/** The NestJS application, its routes ready, not listening. */
export async function createApplication(given: Given): Promise<NestFastifyApplication> {
  const { restListen, apiTls } = given.options;
  const adapter = new FastifyAdapter({
    bodyLimit: LARGEST_BODY,
    forceCloseConnections: true,
    // What Fastify refuses before any route: a path that cannot be decoded.
    frameworkErrors: (error: FastifyError, _: FastifyRequest, reply: FastifyReply) => {
      const { message, statusCode = 400 } = error;
      void sendProblem(reply, { type: 'about:blank', title: message, status: statusCode, detail: message });
    },
    serverFactory: (handler: RequestListener) =>
      isLocal(restListen) || apiTls === undefined
        ? createHttp(handler)
        : tlsServer(handler, new RenewedTls(apiTls, given.log)),
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(given), adapter, {
    logger: new NestLog(given.log),
    abortOnError: false,
  });
  const document = openApiDocument(app);
  const fastify = adapter.getInstance();
  fastify.addHook('onRequest', async (request, reply) => refuseForeignHost(given.options, request, reply));
  fastify.get('/openapi.json', (_, reply) => reply.send(document));
  await app.init();
  await fastify.ready();
  return app;
}

/** Mutual TLS as soon as it is not for this machine alone. */
function tlsServer(handler: RequestListener, tls: RenewedTls): Server {
  const context = ({ cert, key, clientCa }: TlsPem) => ({ cert, key, ca: clientCa });
  let pem = tls.current();
  const server = createHttps({ ...context(pem), requestCert: true, rejectUnauthorized: true }, handler);
  // Before TLS takes it up.
  server.prependListener('connection', () => {
    const latest = tls.current();
    if (latest !== pem) server.setSecureContext(context(latest));
    pem = latest;
  });
  return server;
}

/**
 * In plain text whoever can connect may do everything, and a page in a browser on this machine can be made to connect
 * by a name that resolves to loopback. Its Host gives it away.
 */
async function refuseForeignHost(options: Options, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const listen: ListenAddress = options.restListen;
  if (listen.kind === 'unix' || !isLocal(listen)) return;
  const host = request.hostname.replace(/^\[|\]$/g, '');
  if (['localhost', '127.0.0.1', '::1', listen.host].includes(host)) return;
  const detail = `this is ${listen.host}, asked for as "${host}"`;
  await sendProblem(reply, { type: 'about:blank', title: 'Misdirected request', status: 421, detail });
}
