import { describe, expect, it } from 'vitest';
import { parseCommandLine } from './command-line.ts';

const paths = {
  runDirectory: '/run/keepfleet',
  stateDirectory: '/var/lib/keepfleet',
  config: '/etc/keepalived/keepalived.conf',
  agentConfig: '/etc/keepfleet/agent.yaml',
};

describe('the command line', () => {
  it('runs the control process with the paths of a packaged installation by default', () => {
    expect(parseCommandLine([])).toEqual({ kind: 'run', role: 'control', paths });
  });

  it('takes other paths, relative ones from the current directory', () => {
    const args = ['--run-dir', 'x', '--state-dir=/s', '--config', '/c', '--agent-config', '/a', '--role', 'vrrp'];
    expect(parseCommandLine(args)).toEqual({
      kind: 'run',
      role: 'vrrp',
      paths: { runDirectory: `${process.cwd()}/x`, stateDirectory: '/s', config: '/c', agentConfig: '/a' },
    });
  });

  it.each([
    [['--check', '--config', '/c'], { kind: 'check', paths: { ...paths, config: '/c' } }],
    [['--help', '--check'], { kind: 'help' }],
    [['--version'], { kind: 'version' }],
  ])('understands %j', (args, expected) => {
    expect(parseCommandLine(args)).toEqual(expected);
  });

  const test = { kind: 'config-test', file: '/c', allIncludes: false, json: false };
  it.each([
    [['-t', '-f', '/c'], test],
    [['--config-test', '--use-file=/c'], test],
    [['--config-test=/c'], test],
    [['-t', '--config', '/c', '-e', '--json'], { ...test, allIncludes: true, json: true }],
    [['-t', '-f', '/c', '-i', 'l7', '-g', '/log'], { ...test, configId: 'l7', messages: '/log' }],
    [['-d', '-f', '/c'], { ...test, kind: 'dump-conf' }],
    [['--host-facts', '-f', '/c'], { ...test, kind: 'host-facts' }],
    [['--describe-language'], { kind: 'language' }],
  ])('%j only looks', (args, expected) => {
    expect(parseCommandLine(args)).toEqual(expected);
  });

  it.each([
    [['--nonsense'], /^Unknown option '--nonsense' \(see --help\)$/],
    [['--config'], /--config/],
    [['start'], /start/],
    [['--role', 'chef'], /^no role 'chef'/],
  ])('calls %j a mistake in one line', (args, message) => {
    const result = parseCommandLine(args);
    expect(result).toMatchObject({ kind: 'mistake', message: expect.stringMatching(message) });
    expect(result).not.toMatchObject({ message: expect.stringContaining('\n') });
  });
});
