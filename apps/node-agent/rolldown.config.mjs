// One entry; each role is a dynamic import of its own and becomes a chunk of its own (src/main.ts).
export default {
  input: { main: 'src/main.ts' },
  platform: 'node',
  // Loads a binary that lies beside it.
  external: ['koffi'],
  output: {
    dir: 'dist',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    sourcemap: true,
    cleanDir: true,
  },
};
