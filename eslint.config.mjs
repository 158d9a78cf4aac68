import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const specs = ['**/*.spec.ts', '**/*.fixture.ts', 'libs/*/src/test/**/*.ts'];
const pure = ['libs/{wire,machine,vrrp,bfd,ipvs,health,swim,mib}/src/**/*.ts'];

/** The layers of docs/architecture.md. Specs may use the test kit and npm packages, production code only what its layer allows. */
function boundaries(inSpecs) {
  const kit = inSpecs ? ['layer:testkit'] : [];
  const npm = inSpecs ? {} : { bannedExternalImports: ['*'] };
  return [
    'error',
    {
      allow: [],
      // A program may load a library late: each role of the agent loads only what it needs.
      checkDynamicDependenciesExceptions: ['.*'],
      depConstraints: [
        { sourceTag: 'layer:core', onlyDependOnLibsWithTags: ['layer:core', ...kit], ...npm },
        { sourceTag: 'layer:protocol', onlyDependOnLibsWithTags: ['layer:core', ...kit], ...npm },
        { sourceTag: 'layer:contract', onlyDependOnLibsWithTags: ['layer:core', 'layer:contract', ...kit] },
        { sourceTag: 'layer:adapter', onlyDependOnLibsWithTags: ['layer:core', ...kit] },
        { sourceTag: 'layer:testkit', onlyDependOnLibsWithTags: ['layer:core'] },
        {
          sourceTag: 'layer:e2e',
          onlyDependOnLibsWithTags: ['layer:core', 'layer:contract', 'layer:adapter', 'layer:testkit', 'layer:e2e'],
        },
        {
          sourceTag: 'layer:soak',
          onlyDependOnLibsWithTags: [
            'layer:core',
            'layer:protocol',
            'layer:contract',
            'layer:adapter',
            'layer:testkit',
            'layer:e2e',
            'layer:soak',
          ],
        },
        {
          allSourceTags: ['layer:app', 'scope:agent'],
          onlyDependOnLibsWithTags: ['layer:core', 'layer:protocol', 'layer:contract', 'layer:adapter', ...kit],
        },
        {
          // It judges who is master by what judges it in every agent (docs/adr/0006).
          allSourceTags: ['layer:app', 'scope:control'],
          onlyDependOnLibsWithTags: ['layer:core', 'layer:contract', 'view:ownership', ...kit],
        },
        { allSourceTags: ['layer:app', 'scope:cli'], onlyDependOnLibsWithTags: ['layer:contract', ...kit] },
      ],
    },
  ];
}

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', 'libs/rpc/src/generated/**', '.nx/**'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommended, tseslint.configs.stylistic],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': boundaries(false),
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/class-literal-property-style': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-empty': ['error', { allowEmptyCatch: false }],
      eqeqeq: 'error',
      'no-console': 'off',
    },
  },
  { files: specs, rules: { '@nx/enforce-module-boundaries': boundaries(true) } },
  {
    files: pure,
    ignores: specs,
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^node:', message: 'Protocol code does no I/O (docs/adr/0003).' }] },
      ],
      'no-restricted-globals': [
        'error',
        ...[
          'Buffer',
          'process',
          'setTimeout',
          'setInterval',
          'setImmediate',
          'queueMicrotask',
          'performance',
          'fetch',
          'console',
          'crypto',
        ],
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Take `now: Instant` as an argument.' },
        { object: 'Math', property: 'random', message: 'Take the random source as an argument.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'Take `now: Instant` as an argument.',
        },
      ],
    },
  },
);
