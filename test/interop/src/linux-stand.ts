import { execFileSync } from 'node:child_process';
import { waitFor } from '@keepfleet/testkit';

/** Two network namespaces joined by a cable, `near` (interface kfa) and `far` (kfb), both with addresses of both families. */
export class TwoNamespaces {
  readonly near = `kf-linux-${process.pid}-a`;
  readonly far = `kf-linux-${process.pid}-b`;
  readonly nearAddress = '192.0.2.1';
  readonly farAddress = '192.0.2.2';

  async up(): Promise<void> {
    for (const namespace of [this.near, this.far]) {
      run('ip', 'netns', 'add', namespace);
      // Addresses are usable at once.
      run('ip', 'netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0');
      this.ip(namespace, 'link', 'set', 'lo', 'up');
    }
    this.plug();
    await this.settled();
  }

  plug(): void {
    run('ip', 'link', 'add', 'kfa', 'netns', this.near, 'type', 'veth', 'peer', 'name', 'kfb', 'netns', this.far);
    for (const [namespace, device, address] of [
      [this.near, 'kfa', this.nearAddress],
      [this.far, 'kfb', this.farAddress],
    ] as const) {
      this.ip(namespace, 'address', 'add', `${address}/24`, 'dev', device);
      this.ip(namespace, 'link', 'set', device, 'up');
    }
  }

  /** Link-local addresses have arrived. */
  async settled(): Promise<void> {
    for (const [namespace, device] of [
      [this.near, 'kfa'],
      [this.far, 'kfb'],
    ] as const) {
      await waitFor(() => /inet6 fe80/.test(this.ip(namespace, '-6', 'address', 'show', 'dev', device, '-tentative')), {
        deadline: 90_000,
        what: `a link-local address on ${device}`,
      });
    }
  }

  /** `ip` inside a namespace. */
  ip(namespace: string, ...args: readonly string[]): string {
    return run('ip', '-n', namespace, ...args);
  }

  down(): void {
    for (const namespace of [this.near, this.far]) run('ip', 'netns', 'delete', namespace);
  }
}

export function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
