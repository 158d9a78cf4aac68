import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { fleet } from '@keepfleet/rpc';
import { waitFor } from '@keepfleet/testkit';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startController, type RunningController } from '../start.ts';
import { nodeState } from './samples.ts';
import { DEADLINE, Stand } from './stand.ts';

const deadline = DEADLINE;

describe('certificates of the controller', () => {
  let stand: Stand;
  let rest: RunningController | undefined;
  const logged: { readonly level: number; readonly msg: string }[] = [];
  beforeEach(async () => {
    stand = new Stand();
    await stand.start();
  });
  afterEach(async () => {
    await rest?.close();
    rest = undefined;
    await stand.close();
  });

  /** What a server shows to one who has a certificate of the authority. */
  function shown(port: number): Promise<string> {
    const { cert, key } = stand.identity('L9');
    const ours = { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(stand.authority.ca) };
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ALPNProtocols: ['h2', 'http/1.1'], ...ours }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }

  it('count without a restart once they are renewed, and whoever is connected stays so', async () => {
    const agent = stand.agent('L1', nodeState({}));
    agent.connect();
    const isCurrent = async () => (await stand.node('L1'))?.freshness === fleet.Freshness.CURRENT;
    await waitFor(isCurrent, { deadline, what: 'L1 current' });
    const before = await shown(stand.agentPort);
    expect(await shown(stand.agentPort)).toBe(before);
    stand.authority.issue('controller');
    await waitFor(async () => (await shown(stand.agentPort)) !== before, { deadline, what: 'the renewed certificate' });
    expect([agent.ended, await isCurrent()]).toEqual([false, true]);
    stand.agent('L2', nodeState({})).connect();
    await waitFor(async () => (await stand.nodes()).length === 2, { deadline, what: 'L2 by the renewed certificate' });
  });

  it('of REST are renewed too; half of a pair changes nothing, is told, and counts once it is whole', async () => {
    const sink = { write: (line: string) => void logged.push(JSON.parse(line) as (typeof logged)[number]) };
    const { agentTls } = stand.options;
    if (agentTls === undefined) throw new Error('the stand has certificates');
    const options = { ...stand.options, apiTls: agentTls, stateDir: `${stand.directory}/other` };
    rest = await startController(
      { ...options, restListen: { kind: 'tcp', host: '0.0.0.0', port: 0 } },
      { log: pino({}, sink) },
    );
    const { restAddress } = rest;
    const port = restAddress.kind === 'tcp' ? restAddress.port : 0;
    const before = await shown(port);
    const [oldKey, oldCert] = [readFileSync(agentTls.key), readFileSync(agentTls.cert)];
    stand.authority.issue('controller');
    const [newKey, newCert] = [readFileSync(agentTls.key), readFileSync(agentTls.cert)];
    writeFileSync(agentTls.cert, oldCert);
    await waitFor(
      async () => {
        expect(await shown(port)).toBe(before);
        return logged.some(({ msg }) => msg.includes('cannot be used'));
      },
      { deadline, what: 'an error about a key of another certificate' },
    );
    expect(await shown(port)).toBe(before);
    expect(newKey).not.toEqual(oldKey);
    writeFileSync(agentTls.cert, newCert);
    await waitFor(async () => (await shown(port)) !== before, { deadline, what: 'the renewed certificate' });
  });
});
