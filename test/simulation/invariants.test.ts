/** docs/INVARIANTS.md, the tests and checkers that it names, and the defects: they keep in step. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defects } from './broken-builds.ts'

const text = readFileSync('docs/INVARIANTS.md', 'utf8')
const [byTests = '', byCheckers = ''] = text.split("## The simulator's checkers")

test('every test that is named is there', () => {
  const names = [...byTests.matchAll(/`([a-z]+\/[a-z/-]+)`/g)].map(([, name = '']) => name)
  assert.ok(names.length > 50)
  const missing = names.filter(
    name =>
      !['.test.ts', '.ts', ''].some(end => existsSync(`test/${name}${end}`)) &&
      !existsSync(`src/${name}.ts`),
  )
  assert.equal(missing, [])
})

test('every checker has its invariant, and every named one is there', () => {
  const checkers = readdirSync('src/simulation/checkers')
    .filter(file => {
      const code = readFileSync(`src/simulation/checkers/${file}`, 'utf8')
      return /^export function (check|search)/m.test(code)
    })
    .map(file => file.replace('.ts', ''))
    // It runs others.
    .filter(name => name !== 'check-history')
  const rows = byCheckers.split('\n').filter(line => line.startsWith('| `'))
  const named = rows.flatMap(row =>
    [...(row.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)].map(([, name = '']) => name),
  )
  assert.equal(named.sort(), checkers.sort())
})

test('every defect is named where it belongs', () => {
  const words = (name: string): string => name.split(' ').slice(0, 6).join(' ')
  const missing = defects.filter(({ name }) => !byCheckers.includes(words(name)))
  assert.equal(
    missing.map(({ name }) => name),
    [],
  )
})

test.run()
