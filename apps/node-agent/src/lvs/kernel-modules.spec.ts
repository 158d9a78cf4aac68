import { describe, expect, it } from 'vitest';
import { loadModule, loadModuleMeanwhile } from './kernel-modules.ts';

const NOBODYS = 'keepfleet_no_such_module';

describe('a module that no kernel has', () => {
  it('is told of with the reason', () => {
    expect(loadModule(NOBODYS)).toMatchObject({ ok: false, reason: expect.stringMatching(/./) as string });
  });

  it('is told of later with the same reason', async () => {
    const loading = loadModuleMeanwhile(NOBODYS, new AbortController().signal);
    expect(await loading).toMatchObject({ ok: false, reason: expect.stringMatching(/./) as string });
  });

  it('is not waited for when there is no more use for it', async () => {
    const loaded = await loadModuleMeanwhile(NOBODYS, AbortSignal.abort());
    expect(loaded.ok).toBe(false);
  });
});
