import { agent, fleet, gossip, model } from '@keepfleet/rpc';
import type { Logger } from 'pino';
import { systemClock, type Clock } from './common/clock.ts';
import { readTextMap } from './common/json.ts';
import { EventLog } from './events/event-log.ts';
import { FleetState } from './fleet/fleet-state.ts';
import { NodeRepository } from './fleet/node.repository.ts';
import { FleetOwnership } from './gossip/fleet-ownership.ts';
import { FleetApi, LARGEST_REQUEST } from './grpc/fleet-api.ts';
import { AgentLink } from './link/agent-link.ts';
import { LARGEST_MESSAGE } from './link/intake.ts';
import { addressText, isLocal, type ListenAddress } from './listen/address.ts';
import { GrpcListener } from './listen/grpc-listener.ts';
import { listening } from './listen/listening.ts';
import { OperationsService } from './operations/operations.service.ts';
import { RenewedTls } from './listen/tls.ts';
import type { Options, TlsFiles } from './options.ts';
import { createApplication } from './rest/rest-listener.ts';
import { Stopping } from './rest/stopping.ts';
import { openDatabase } from './store/database.ts';
import { version } from './version.ts';

export interface RunningController {
  readonly agentAddress: ListenAddress;
  readonly apiAddress: ListenAddress;
  readonly restAddress: ListenAddress;
  close(): Promise<void>;
}

/** Why the controller cannot run: something of the machine, said in one line. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** Opens the store, takes up where it stopped, and listens. Whatever was opened is closed again when a later part fails. */
export async function startController(
  options: Options,
  given: { readonly log: Logger; readonly clock?: Clock },
): Promise<RunningController> {
  const { log } = given;
  const clock = given.clock ?? systemClock;
  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const each of closers.splice(0).reverse()) await each();
  };
  try {
    const database = await part(`store in ${options.stateDir}`, () => openDatabase(options.stateDir));
    closers.push(() => database.destroy());
    const app = await part('TLS of the REST API', () => createApplication({ options, database, clock, log }));
    closers.push(() => app.close());
    await recall(app.get(NodeRepository), app.get(FleetState));

    const renewed = (files: TlsFiles | undefined) => (files === undefined ? undefined : new RenewedTls(files, log));
    const link = app.get(AgentLink);
    const agents = await part('TLS of the agent link', () =>
      Promise.resolve(new GrpcListener({ tls: renewed(options.agentTls), largestMessage: LARGEST_MESSAGE })),
    );
    agents.add(agent.AgentLinkService, { connect: link.connect });
    const fleetApi = app.get(FleetApi);
    const apiTls = isLocal(options.apiListen) ? undefined : options.apiTls;
    const api = await part('TLS of the fleet API', () =>
      Promise.resolve(new GrpcListener({ tls: renewed(apiTls), largestMessage: LARGEST_REQUEST })),
    );
    api.add(fleet.FleetService, fleetApi.implementation());
    api.add(gossip.GossipService, fleetApi.gossipImplementation());

    const operations = app.get(OperationsService);
    await operations.start();
    closers.push(() => operations.close());
    const events = app.get(EventLog);
    // With a full disk the fleet is still shown.
    const note = (kind: string, message: string) =>
      events
        .write({ node: '', severity: model.Severity.INFO, subject: options.name, kind, message })
        .catch((error: unknown) => log.error({ error }, `store: ${kind} could not be written down`));
    await note('controller.started', `controller ${options.name} ${version} started`);
    closers.push(() => note('controller.stopped', `controller ${options.name} stopped`));

    const restServer = app.getHttpServer();
    const restAddress = await part(`REST on ${addressText(options.restListen)}`, () =>
      listening(restServer, options.restListen),
    );
    closers.push(async () => {
      app.get(Stopping).stop();
      const closed = new Promise<void>((resolve) => restServer.close(() => resolve()));
      restServer.closeAllConnections();
      await closed;
    });
    const apiAddress = await part(`fleet API on ${addressText(options.apiListen)}`, () =>
      api.listen(options.apiListen),
    );
    closers.push(async () => {
      fleetApi.close();
      await api.close();
    });
    const agentAddress = await part(`agent link on ${addressText(options.agentListen)}`, () =>
      agents.listen(options.agentListen),
    );
    const ownership = app.get(FleetOwnership);
    await ownership.start();
    link.start();
    closers.push(async () => {
      ownership.close();
      await link.close();
      await agents.close();
    });
    log.info(
      { agents: addressText(agentAddress), api: addressText(apiAddress), rest: addressText(restAddress) },
      `controller ${options.name} ${version} ready`,
    );
    if (options.agentTls === undefined) log.warn('the agent link is plain text, on loopback');
    return { agentAddress, apiAddress, restAddress, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Nodes that connected before are known by name; what state they are in is not. */
async function recall(repository: NodeRepository, state: FleetState): Promise<void> {
  for (const row of await repository.all()) {
    state.put({
      name: row.name,
      labels: readTextMap(row.labels),
      version: row.version,
      epoch: row.epoch,
      startedAt: row.started_at === null ? undefined : new Date(row.started_at),
      remoteAddress: row.remote_address,
      lastHeardAt: new Date(row.last_heard_at),
      skewMs: 0,
      stream: undefined,
      state: undefined,
      gaps: [],
    });
  }
}

async function part<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new StartError(`${what}: ${cause(error)}`, { cause: error });
  }
}

const damaged =
  'it is damaged: put controller.sqlite, -wal and -shm aside; a new one is made. Nodes keep their overrides; what is lost are old events and operations';

const hints: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; stop it or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'not permitted; run as another user or choose another place',
  ENOENT: 'no such file or directory',
  EEXIST: 'a file is in the place of that directory',
  SQLITE_BUSY: 'another controller has the store open; each needs its own --state-dir',
  SQLITE_CANTOPEN: 'it must be a directory that this user may write to',
  SQLITE_READONLY: 'this user may not write to it',
  SQLITE_FULL: 'the disk is full; make room',
  SQLITE_IOERR: 'the disk does not read or write it',
  SQLITE_CORRUPT: damaged,
  SQLITE_NOTADB: damaged,
};

function cause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // "SQLITE_IOERR_WRITE" is one of the SQLITE_IOERR.
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const hint = hints[code] ?? hints[code.split('_').slice(0, 2).join('_')];
  return hint === undefined ? error.message : `${error.message} (${hint})`;
}
