import {
  decodeConflictResponse,
  decodeCoordinate,
  decodeFilter,
  decodeKeyRequest,
  decodeKeyResponse,
  encodeConflictResponse,
  encodeCoordinate,
  encodeFilter,
  encodeKeyRequest,
  encodeKeyResponse,
} from '@keepfleet/swim';
import { fuzz } from '@keepfleet/testkit';
import type { Soak } from '../soak.ts';

const vectors = [
  encodeKeyRequest(new Uint8Array(32).fill(7)),
  encodeKeyResponse({ done: true, message: 'done', keys: ['AAAAAAAAAAAAAAAAAAAAAA=='], primary: 'AA==' }),
  encodeConflictResponse('lb-1', Uint8Array.of(192, 0, 2, 1), 7946),
  encodeConflictResponse('lb-2', new Uint8Array(16).fill(0x20), 65_535),
  encodeCoordinate({ vector: [0.1, -0.2, 0.3, 0, 0, 0, 1e-9, 7], error: 0.5, height: 1e-5, adjustment: -1e-4 }),
  encodeFilter({ by: 'name', names: ['lb-1', 'lb-2'] }),
  encodeFilter({ by: 'tag', tag: 'role', expression: '^agent$' }),
];

export const soak: Soak = {
  about: 'what is inside of queries, answers and acks: keys, conflicts, coordinates, filters, mutated',
  count: 1_000_000,
  unit: 'inputs',
  run: (task) => {
    const { slowest } = fuzz({
      ...task,
      vectors,
      decode: (bytes) => {
        decodeKeyRequest(bytes);
        decodeKeyResponse(bytes);
        decodeConflictResponse(bytes);
        decodeFilter(bytes);
        const place = decodeCoordinate(bytes);
        if (place?.ok === true && !place.value.vector.every(Number.isFinite)) throw new Error('a place that is none');
      },
      clock: () => performance.now(),
    });
    return { 'slowest ms': slowest.toFixed(1) };
  },
};
