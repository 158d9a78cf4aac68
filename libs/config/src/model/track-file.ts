import type { TrackFileSettings } from '../grammar/tracking.ts';
import type { Named } from '../grammar/root.ts';
import type { TrackFile } from './model.ts';

/** The files that are named and have a path; the last one of a name counts. */
export function resolveTrackFiles(drafts: readonly Named<TrackFileSettings>[]): readonly TrackFile[] {
  const files = new Map<string, TrackFile>();
  for (const { name, at, set } of drafts) {
    if (set.file === undefined) continue;
    files.set(name, {
      name,
      at,
      path: set.file,
      weight: set.weight?.weight ?? 1,
      reverse: set.weight?.reverse ?? false,
    });
  }
  return [...files.values()];
}
