/**
 * Rows such that every pair of values of every two parameters is in one of them. Greedy: a row is grown value by value, each
 * time with the one that meets most pairs that no row has yet.
 */
export function pairwise<const T extends Readonly<Record<string, readonly unknown[]>>>(
  parameters: T,
): { [K in keyof T]: T[K][number] }[] {
  const names: (keyof T)[] = Object.keys(parameters);
  const left = new Set<string>();
  const pairKey = (a: number, i: number, b: number, j: number) =>
    a < b ? `${a}=${i},${b}=${j}` : `${b}=${j},${a}=${i}`;
  const sizes = names.map((name) => parameters[name]?.length ?? 0);
  sizes.forEach((sizeA, a) => {
    sizes.forEach((sizeB, b) => {
      if (a >= b) return;
      for (let i = 0; i < sizeA; i++) for (let j = 0; j < sizeB; j++) left.add(pairKey(a, i, b, j));
    });
  });
  const rows: { [K in keyof T]: T[K][number] }[] = [];
  while (left.size > 0) {
    const [a = 0, i = 0, b = 0, j = 0] = ([...left][0] ?? '').match(/\d+/g)?.map(Number) ?? [];
    const row = new Map([
      [a, i],
      [b, j],
    ]);
    for (let c = 0; c < names.length; c++) {
      if (row.has(c)) continue;
      const gains = Array.from(
        { length: sizes[c] ?? 0 },
        (_, k) => [...row].filter(([d, l]) => left.has(pairKey(c, k, d, l))).length,
      );
      const best = Math.max(...gains);
      // Rows differ in what no pair asks for, too.
      const candidates = gains.flatMap((gain, k) => (gain === best ? [k] : []));
      row.set(c, candidates[rows.length % candidates.length] ?? 0);
    }
    for (const [c, k] of row) for (const [d, l] of row) if (c < d) left.delete(pairKey(c, k, d, l));
    rows.push(
      Object.fromEntries(names.map((name, c) => [name, parameters[name]?.[row.get(c) ?? 0]])) as {
        [K in keyof T]: T[K][number];
      },
    );
  }
  return rows;
}
