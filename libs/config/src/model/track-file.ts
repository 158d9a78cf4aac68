import type { FileSettings } from '../grammar/tracked-objects.ts';
import type { Named } from '../grammar/root.ts';
import type { TrackFile } from './model.ts';

/** The files that are named and have a path; the last one of a name counts. */
export function resolveTrackFiles(drafts: readonly Named<FileSettings>[]): readonly TrackFile[] {
  const files = new Map<string, TrackFile>();
  for (const { name, at, set } of drafts) {
    if (set.path === undefined) continue;
    files.set(name, {
      name,
      at,
      path: set.path,
      weight: set.weight?.weight ?? 1,
      reverse: set.weight?.reverse ?? false,
      ...(set.initial === undefined ? {} : { initial: set.initial }),
    });
  }
  return [...files.values()];
}
