/**
 * The layout (docs/ARCHITECTURE.md) and the style (docs/STYLE.md) of this checkout. The rules are
 * in test/tidy/, with the table of layers and all other data in tables.ts; test/tidy/rules.test.ts
 * breaks each once.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findingsOf, formatFinding, withoutKnown } from './tidy/judge.ts'
import { lockFindings, packageFindings } from './tidy/project-rules.ts'
import { known } from './tidy/tables.ts'
import { type Finding, readTree } from './tidy/tree.ts'

const checkout = join(import.meta.dirname, '..')
const folders = ['bin', 'src', 'scripts', 'test', 'bench'].filter(folder =>
  existsSync(join(checkout, folder)),
)
const tree = readTree(checkout, folders)
const regions = readdirSync(join(checkout, 'regions')).map(name => name.replace(/\.yaml$/, ''))
const findings = withoutKnown(findingsOf(tree, { regions }), known)

const text = (file: string): string => readFileSync(join(checkout, file), 'utf8')

function assertNone(found: readonly Finding[]): void {
  if (found.length === 0) return
  const error = new Error([`${found.length} findings:`, ...found.map(formatFinding)].join('\n    '))
  error.stack = '' // It would repeat the message.
  throw error
}

test('the tree is read', () => {
  assert.ok(tree.sources.size > 200)
  assert.ok([...tree.edges.values()].flat().length > 800)
  assert.ok(regions.length >= 40)
})

for (const rule of [
  ...['layers', 'missing-files', 'portable', 'packages', 'cycles', 'dead-files', 'names'],
  ...['tokens', 'remarks', 'long-lines', 'sleeps', 'region-literals', 'sizes'],
]) {
  test(`${rule}: no finding`, () => assertNone(findings.filter(it => it.rule === rule)))
}

test('packages are declared where they are used, and used where they are declared', () =>
  assertNone(packageFindings(tree, text('package.json'))))

test('the lock file says what, not from where', () =>
  assertNone(lockFindings(text('package-lock.json'))))

test.run()
