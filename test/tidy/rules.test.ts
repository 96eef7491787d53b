/** Each rule is broken once, in a small invented tree, and has to say so. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { findingsOf, formatFinding, withoutKnown } from './judge.ts'
import { lockFindings, packageFindings } from './project-rules.ts'
import { readSource } from './source.ts'
import { bannedTokens, layers } from './tables.ts'
import { type Finding, treeOf } from './tree.ts'

type Texts = Readonly<Record<string, string>>

/** Of these files alone; whatever is listed here is no dead file. */
function judge(files: Texts): readonly Finding[] {
  const links = Object.keys(files).map(path => `import type {} from '../${path}'`)
  const tree = treeOf({ 'bin/denizen.js': links.join('\n'), ...files })
  return findingsOf(tree, { regions: ['eu-west', 'us-east'], longFiles: {} })
}

function found(files: Texts, rule: string): readonly string[] {
  return judge(files)
    .filter(finding => finding.rule === rule)
    .map(formatFinding)
}

function assertBroken(files: Texts, rule: string, ...signs: readonly (string | RegExp)[]): void {
  const texts = found(files, rule)
  assert.is(texts.length, 1, `${rule} is broken once, and found: ${texts.join('\n')}`)
  for (const sign of signs) assert.match(texts[0] ?? '', sign)
}

const code = (...lines: readonly string[]): string => `${lines.join('\n')}\n`
const importing = (specifier: string): string => code(`import { x } from '${specifier}'`)

const sound: Texts = {
  'src/model/key.ts': code('export const x = 1'),
  'src/routing/decide.ts': importing('../model/key.ts'),
  'src/runtime/clock.ts': code('export const nowMs = () => performance.now()'),
  'src/api/app.ts': code("import type { x } from '../runtime/clock.ts'"),
  'test/model/key.test.ts': importing('../../src/model/key.ts'),
}

const layout = suite('layout')

layout('a sound tree has no findings', () => {
  assert.equal(judge(sound).map(formatFinding), [])
})

layout('layers: an import against the direction', () => {
  const files = { ...sound, 'src/model/bad.ts': importing('../routing/decide.ts') }
  assertBroken(files, 'layers', 'src/model/bad.ts:1', 'model/ may not use routing/')
})

layout('layers: code where only types may be known', () => {
  const files = { ...sound, 'src/api/bad.ts': importing('../runtime/clock.ts') }
  assertBroken(files, 'layers', 'api/ may only know the types of runtime/')
})

layout('layers: a folder that nobody has placed, and code outside of src/', () => {
  assertBroken({ 'src/extra/a.ts': '' }, 'layers', 'not in the table')
  const files = { ...sound, 'src/model/bad.ts': importing('../../test/model/key.test.ts') }
  assertBroken(files, 'layers', 'src/ stands alone')
})

layout('layers: the table itself goes one way', () => {
  const order = Object.keys(layers)
  for (const [folder, { uses, knows = [] }] of Object.entries(layers)) {
    for (const below of [...uses, ...knows]) {
      assert.ok(order.includes(below), `${folder}: ${below} is a folder`)
      assert.ok(order.indexOf(below) < order.indexOf(folder), `${folder} stands above ${below}`)
    }
  }
})

layout('missing-files: an import, and an address, of what is not there', () => {
  assertBroken({ 'src/model/a.ts': importing('./gone.ts') }, 'missing-files', 'src/model/gone.ts')
  const worker = code("new Worker(new URL('./gone.ts', import.meta.url))")
  assertBroken({ 'src/node/a.ts': worker }, 'missing-files', 'src/node/gone.ts')
})

layout('portable: node:* and lmdb, through others, unless only as types', () => {
  const through = (clock: string) => ({
    'src/api/app.ts': importing('../routing/router.ts'),
    'src/routing/router.ts': importing('../runtime/clock.ts'),
    'src/runtime/clock.ts': clock,
  })
  const path = 'src/routing/router.ts → src/runtime/clock.ts'
  assertBroken(through(importing('node:fs')), 'portable', 'imports node:fs', path)
  assertBroken(through(importing('lmdb')), 'portable', 'imports lmdb')
  assert.equal(found(through(code("import type { Stats } from 'node:fs'")), 'portable'), [])
})

layout('packages: outside of the folder that they belong to', () => {
  assertBroken({ 'src/replication/a.ts': importing('node:fs') }, 'packages', 'a port of runtime/')
  assertBroken({ 'src/storage/a.ts': importing('lmdb') }, 'packages', 'the engine port')
  assertBroken({ 'src/node/a.ts': importing('commander') }, 'packages', 'command line')
})

layout('cycles: through types too', () => {
  const files = {
    'src/model/a.ts': importing('./b.ts'),
    'src/model/b.ts': importing('./c.ts'),
    'src/model/c.ts': code("import type { x } from './a.ts'"),
  }
  assertBroken(files, 'cycles', 'src/model/a.ts → src/model/b.ts → src/model/c.ts')
})

layout('dead-files: code that only tests reach, and a helper that no test reaches', () => {
  const dead = (texts: Texts) =>
    findingsOf(treeOf(texts), { regions: [], longFiles: {} })
      .filter(({ rule }) => rule === 'dead-files')
      .map(({ file }) => file)
  const files = {
    'bin/denizen.js': code("await import('../src/cli/main.ts')"),
    'src/cli/main.ts': code("new Worker(new URL('../node/thread.ts', import.meta.url))"),
    'src/node/thread.ts': '',
    'src/model/tested.ts': '',
    'test/model/a.test.ts': code(
      "import '../../src/model/tested.ts'",
      "import './helper.ts'",
      "fork('child.ts')",
    ),
    'test/model/helper.ts': '',
    'test/model/child.ts': code("import './of-child.ts'"),
    'test/model/of-child.ts': '',
    'test/model/forgotten.ts': '',
  }
  assert.equal(dead(files), ['src/model/tested.ts', 'test/model/forgotten.ts'])
})

layout('names: folders that say nothing, and other cases', () => {
  assertBroken({ 'src/model/utils/a.ts': '' }, 'names', 'utils')
  assertBroken({ 'src/model/bigKey.ts': '' }, 'names', 'kebab-case')
  assertBroken({ 'src/model/big_key.ts': '' }, 'names', 'kebab-case')
})

layout.run()

const text = suite('text')

/** One line for each row of the table of tokens, in the same order. */
const brokenLines: readonly (readonly [path: string, line: string])[] = [
  ['src/routing/a.ts', 'const x = Math.random()'],
  ['src/routing/a.ts', 'const id = crypto.randomUUID()'],
  ['src/routing/a.ts', 'const today = new Date()'],
  ['src/routing/a.ts', 'setTimeout(run, 5)'],
  ['src/routing/a.ts', 'setImmediate(run)'],
  ['src/routing/a.ts', 'const home = process.env.HOME'],
  ['src/routing/a.ts', "console.error('x')"],
  ['src/routing/a.ts', 'const x = y as any'],
  ['src/routing/a.ts', 'const x = y as unknown as Z'],
  ['src/routing/a.ts', 'export default function f() {}'],
  ['test/routing/a.test.ts', "test.only('x', run)"],
  ['test/routing/a.test.ts', 'await sleep(5)'],
]

text('tokens: every row of the table finds what it bans, and names what to use', () => {
  assert.is(brokenLines.length, bannedTokens.length)
  brokenLines.forEach(([path, line], index) => {
    const { instead = '' } = bannedTokens[index] ?? {}
    assertBroken({ [path]: code('', line) }, 'tokens', `${path}:2`, instead)
  })
  for (const line of ['let x: any', 'f<any>()', 'Date.now()', 'performance.now()']) {
    assertBroken({ 'src/model/a.ts': code(line) }, 'tokens')
  }
})

text('tokens: not where they belong, nor in comments and texts', () => {
  const files = {
    'src/runtime/a.ts': code('setTimeout(() => Math.random(), Date.now())', 'process.exit()'),
    'src/model/a.ts': code('// Math.random() is banned', "const x = 'process.env'", '// as any'),
    'src/model/b.ts': code('const x = new Date(ms)', 'const many = z.any()'),
  }
  assert.equal(found(files, 'tokens'), [])
})

text('remarks', () => {
  const reason = 'TODO(needs etcd first): follow the leases'
  assert.equal(found({ 'src/model/a.ts': code(`// ${reason}`) }, 'remarks'), [])
  for (const remark of ['TODO: later', 'FIXME', '@ts-ignore', '@ts-expect-error']) {
    assertBroken({ 'src/model/a.ts': code(`// ${remark}`) }, 'remarks')
  }
})

text('long-lines: of code and comments; texts can not be broken', () => {
  const long = 'long '.repeat(25)
  assertBroken({ 'src/model/a.ts': code(`// ${long}`) }, 'long-lines', 'characters')
  assertBroken({ 'src/model/a.ts': code(`/** \`x\` ${long}*/`) }, 'long-lines')
  assertBroken({ 'src/model/a.ts': code(`f(${'x, '.repeat(40)})`) }, 'long-lines')
  assert.equal(found({ 'src/model/a.ts': code(`const x = '${long}'`) }, 'long-lines'), [])
})

text('sleeps: a time that is waited for, but not a look now and then', () => {
  const wait = 'await new Promise(resolve => setTimeout(resolve, 500))'
  const inTest = ["test('x', async () => {", `  ${wait}`, '})']
  const inLoop = ['async function until() {', '  while (!done()) {', `    ${wait}`, '  }', '}']
  const afterLoop = ['for (const x of y) {', '  f(x)', '}', wait]
  assertBroken({ 'test/a.test.ts': code(...inTest) }, 'sleeps', 'test/a.test.ts:2')
  assertBroken({ 'test/a.test.ts': code(...afterLoop) }, 'sleeps', 'test/a.test.ts:4')
  assert.equal(found({ 'test/a.test.ts': code(...inLoop) }, 'sleeps'), [])
})

text('region-literals', () => {
  const files = { 'src/routing/a.ts': code("if (region === 'eu-west') f()") }
  assertBroken(files, 'region-literals', 'is data')
  const fine = {
    'src/routing/a.ts': code("const help = 'for example eu-west'"),
    'src/cli/dev/tour.ts': code("const last = 'us-east'"),
  }
  assert.equal(found(fine, 'region-literals'), [])
})

text('sizes: a limit, a list with numbers that only fall, a limit of that too', () => {
  const sized = (file: string, lines: number, longFiles: Readonly<Record<string, number>> = {}) =>
    findingsOf(treeOf({ [file]: 'f()\n'.repeat(lines) }), { regions: [], longFiles })
      .filter(({ rule }) => rule === 'sizes')
      .map(({ message }) => message)
  const [file, listed] = ['src/model/a.ts', { 'src/model/a.ts': 400 }]
  assert.equal(sized(file, 300), [])
  assert.match(sized(file, 301)[0] ?? '', 'more than 300')
  assert.equal(sized(file, 400, listed), [])
  assert.match(sized(file, 401, listed)[0] ?? '', 'more than 400')
  assert.match(sized(file, 300, listed)[0] ?? '', 'take it out of the list')
  assert.match(sized(file, 601, { [file]: 900 })[0] ?? '', 'more than 600')
  assert.equal(sized('test/a.test.ts', 400), [])
  assert.match(sized('test/a.test.ts', 401)[0] ?? '', 'more than 400')
})

text.run()

const project = suite('project')

project('what is known is left out, until it is mended', () => {
  const entry = { rule: 'tokens', file: 'src/model/a.ts', reason: 'x' }
  const finding = { rule: 'tokens', file: 'src/model/a.ts', message: 'x' }
  const other = { ...finding, file: 'src/model/b.ts' }
  assert.equal(withoutKnown([finding, other], [entry]), [other])
  assert.match(withoutKnown([], [entry])[0]?.message ?? '', 'take it out')
})

project('packages: not declared, not shipped, not used', () => {
  const tree = treeOf({
    'src/model/a.ts': code("import { z } from 'zod'", "import { x } from '@a/b/c'"),
    'test/a.test.ts': code("import { test } from 'uvu'", "import * as assert from 'uvu/assert'"),
  })
  const messages = (dependencies: Texts, devDependencies: Texts) =>
    packageFindings(tree, JSON.stringify({ dependencies, devDependencies })).map(it => it.message)
  assert.equal(messages({ zod: '1', '@a/b': '1' }, { uvu: '1' }), [])
  assert.equal(messages({ '@a/b': '1' }, { uvu: '1', zod: '1' }), ['zod is not among dependencies'])
  assert.equal(messages({ zod: '1', '@a/b': '1' }, {}).length, 2)
  assert.equal(messages({ zod: '1', '@a/b': '1', y: '1' }, { uvu: '1' }), ['y is imported nowhere'])
})

project('the lock file: packages of other platforms that are left out', () => {
  const lock = (other: object) => {
    const a = { optionalDependencies: { 'a-here': '1', 'a-there': '1' } }
    const packages = { 'node_modules/a': a, 'node_modules/a-here': {}, ...other }
    return lockFindings(JSON.stringify({ packages })).map(({ message }) => message)
  }
  assert.match(lock({}).join(), 'a-there, optional for node_modules/a, is left out')
  assert.equal(lock({ 'node_modules/a-there': {} }), [])
})

project('the lock file: addresses', () => {
  const lock = (resolved?: string) =>
    lockFindings(JSON.stringify({ packages: { '': {}, 'node_modules/a': { resolved } } }))
  assert.is(lock('https://example.org/a.tgz').length, 1)
  assert.equal(lock(), [])
})

project.run()

const reading = suite('reading')

reading('imports of all forms, each with its kind', () => {
  const source = readSource(
    'src/a.ts',
    code(
      "import { a } from './a.ts'",
      "import type { b } from './b.ts'",
      'import {',
      '  c, // from here',
      '  type C,',
      "} from './c.ts'",
      "import './d.ts'",
      "export { e } from './e.ts'",
      "const f = await import('./f.ts')",
      "type G = typeof import('./g.ts')",
      "const h = new URL('./h.ts', import.meta.url)",
      "// import { no } from './comment.ts'",
      'const text = `import { no } from "./text.ts"`',
    ),
  )
  const kinds = Object.fromEntries(source.imports.map(it => [it.specifier, it.kind]))
  assert.equal(kinds, {
    './a.ts': 'code',
    './b.ts': 'types',
    './c.ts': 'code',
    './d.ts': 'code',
    './e.ts': 'code',
    './f.ts': 'code',
    './g.ts': 'types',
    './h.ts': 'address',
  })
})

reading('comments, texts, templates and regular expressions are told apart', () => {
  const { code: kept, comments } = readSource(
    'src/a.ts',
    code(
      "const a = 'it\\'s // no comment' // one",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text that is read
      'const b = `x ${f({ y: `in ${z} ner` })} // text`',
      'const c = s.split(/[/"]\\/x/g).length / 2 // two',
      'const d = (a + b) / c / d',
      '/* three */ const e = 1',
    ),
  )
  assert.equal(
    comments
      .replace(/ +/g, ' ')
      .trim()
      .split(/\s*\n\s*/),
    ['// one', '// two', '/* three */'],
  )
  assert.match(kept, /f\(\{ y: ` +\$\{z\} +` \}\)\}/)
  assert.match(kept, '.length / 2')
  assert.match(kept, 'const d = (a + b) / c / d')
  assert.not.match(kept, 'text')
  assert.is(kept.length, comments.length)
})

reading.run()
