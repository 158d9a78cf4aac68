import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from './command.ts';
import { hostDirectory, paths } from './paths.ts';
import { controllerAddress, controllerHost, directors, managementAddress, type Host } from './plan.ts';

const days = '30';
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export interface OperatorFiles {
  ca: string;
  cert: string;
  key: string;
}

/** The lab's own authority, a certificate for every agent and for the controller, and one for the operator. */
export async function createCertificates(): Promise<OperatorFiles> {
  const directory = paths.certificates;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // openssl's own configuration would add extensions of its own.
  await writeFile(join(directory, 'openssl.cnf'), '[req]\ndistinguished_name = name\n[name]\n');
  const ca = join(directory, 'ca.pem');
  await request(['-keyout', join(directory, 'ca.key'), '-out', ca, '-subj', '/CN=Keepfleet lab'], {
    basicConstraints: 'critical,CA:TRUE',
    keyUsage: 'critical,keyCertSign,cRLSign',
  });
  await chmod(join(directory, 'ca.key'), 0o600);

  const operator = { ca, cert: join(directory, 'operator.pem'), key: join(directory, 'operator.key') };
  await Promise.all([
    sign(operator.cert, operator.key, 'operator', []),
    ...directors.map((director) =>
      hostCertificate(director, [`DNS:${director.name}`, `IP:${managementAddress(director)}`]),
    ),
    hostCertificate(controllerHost, ['DNS:controller', 'DNS:localhost', 'IP:127.0.0.1', `IP:${controllerAddress}`]),
  ]);
  return operator;
}

async function hostCertificate(host: Host, names: string[]): Promise<void> {
  const directory = join(hostDirectory(host), 'pki');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await copyFile(join(paths.certificates, 'ca.pem'), join(directory, 'ca.pem'));
  await sign(join(directory, 'node.pem'), join(directory, 'node.key'), host.name, names);
}

async function sign(cert: string, key: string, name: string, alternatives: string[]): Promise<void> {
  const { certificates } = paths;
  await request(
    [
      ...['-CA', join(certificates, 'ca.pem'), '-CAkey', join(certificates, 'ca.key')],
      ...['-keyout', key, '-out', cert, '-subj', `/CN=${name}`],
    ],
    {
      basicConstraints: 'critical,CA:FALSE',
      keyUsage: 'critical,digitalSignature',
      extendedKeyUsage: 'serverAuth,clientAuth',
      ...(alternatives.length === 0 ? {} : { subjectAltName: alternatives.join(',') }),
    },
  );
  await chmod(key, 0o600);
}

async function request(argv: string[], extensions: Record<string, string>): Promise<void> {
  const added = Object.entries(extensions).flatMap(([name, value]) => ['-addext', `${name}=${value}`]);
  const config = join(paths.certificates, 'openssl.cnf');
  await command('openssl', ['req', '-x509', '-config', config, ...newKey, '-days', days, ...argv, ...added]);
}
