/** The text of the files: YAML's own errors and traps, and errors in region files. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { regionsSetting } from '../../src/policy/compile.ts'
import { formatDiagnostic } from '../../src/policy/diagnostic.ts'
import { compileText, expectAt, policyWith, regionFile, smallWorld } from './small-world.ts'

test('a diagnostic says where, what, why and what to write, in one line', () => {
  const text = policyWith('  a: { residency: { store: [eaa] } }')
  const lines = compileText(text).diagnostics.map(formatDiagnostic)
  assert.equal(lines, [
    'denizen.yaml:5:29: error: "eaa" is neither a region of the cluster nor a jurisdiction; did you mean "eea"? [unknown_selector]',
  ])
})

test('errors of syntax', () => {
  expectAt('cluster: x\n§cluster: y\n', 'yaml_error', { message: 'unique' })
  expectAt('cluster: x\nregions: [a, b\n§datasets: {}\n', 'yaml_error')
  expectAt('cluster: x\n§---\ncluster: y\n', 'yaml_error')
  expectAt('cluster: §*nowhere\n', 'yaml_error')
  expectAt('§', 'missing_field', { message: 'empty' })
})

test('an unquoted leading ! is a tag, which YAML only warns of', () => {
  const advice = 'quote it if it is text; to leave regions out, write { except: [...] }'
  const told = { message: '"!eu"', suggestion: advice }
  expectAt(policyWith('  a: { residency: { store: [eea, §!eu] } }'), 'yaml_tag', told)
  expectAt(policyWith('  a: { residency: { store: [§!eu , eea] } }'), 'yaml_tag', told)
  expectAt(policyWith('  a: { residency: { store: §!eu [eea] } }'), 'yaml_tag', told)
})

test('words that are booleans to YAML 1.1 tools', () => {
  const told = { suggestion: 'write "NO"' }
  expectAt(policyWith('  a: { residency: { store: [§NO] } }'), 'yaml_ambiguous', told)
  expectAt(policyWith('  §on: { residency: anywhere }'), 'yaml_ambiguous')
  const quoted = compileText(policyWith('  "on": { residency: anywhere }'))
  assert.equal(quoted.diagnostics, [])
})

test('a file of too many aliases is refused', () => {
  const bomb = `cluster: x\na: &a [z]\nb: &b [${'*a,'.repeat(30)}]\nc: &c [${'*b,'.repeat(30)}]\n`
  expectAt(`§${bomb}d: [${'*c,'.repeat(30)}]\n`, 'yaml_error', { message: 'alias' })
})

test('aliases that expand to little are counted too, as each is looked for', () => {
  const aliases = '*a, '.repeat(100)
  expectAt(`cluster: &a x\nb: [${aliases}§*a]\n`, 'yaml_error', { message: 'alias' })
})

test('deep nesting is refused where it becomes too deep', () => {
  const levels = 2_000
  const text = `a: ${'['.repeat(98)}§${'['.repeat(levels)}${']'.repeat(levels + 98)}\n`
  expectAt(text, 'yaml_error', { message: 'too deep' })
})

test('a name that is there twice is refused at its second place', () => {
  expectAt(policyWith('  a: { residency: anywhere }\n  §a: { residency: anywhere }'), 'yaml_error')
})

test('aliases keep the places of what they stand for', () => {
  const marked = policyWith(
    '  a: { residency: &shared { store: [§eaa] } }\n  b: { residency: *shared }',
  )
  expectAt(marked, 'unknown_selector')
})

test('errors in a region file have its name, line and column', () => {
  const wrong = regionFile('eu-north', { country: 'SE', more: 'tags: [Green]' })
  const { policy, diagnostics } = compileText(
    policyWith('  a: { residency: anywhere }'),
    undefined,
    [...smallWorld, wrong],
  )
  assert.is(policy, undefined)
  assert.is(diagnostics.length, 1)
  const [{ file, line, column, code } = {}] = diagnostics
  assert.equal(
    { file, line, column, code },
    {
      file: 'regions/eu-north.yaml',
      line: 10,
      column: 8,
      code: 'bad_value',
    },
  )
})

test('the countries of region files have to be quoted where they are ambiguous', () => {
  const text = regionFile('eu-north', { country: 'NO' }).text.replaceAll('"NO"', 'NO')
  const files = [...smallWorld, { file: 'regions/eu-north.yaml', text }]
  const { diagnostics } = compileText(policyWith('  a: { residency: anywhere }'), undefined, files)
  const places = diagnostics.map(({ line, column, code }) => `${line}:${column} ${code}`)
  assert.equal(places, ['3:10 yaml_ambiguous', '7:18 yaml_ambiguous'])
})

test('a region is named like its file, and not like a jurisdiction', () => {
  const text = policyWith('  a: { residency: anywhere }')
  const renamed = { ...regionFile('eu-north', { country: 'SE' }), file: 'regions/eu-nord.yaml' }
  const first = compileText(text, undefined, [...smallWorld, renamed]).diagnostics
  assert.equal(
    first.map(({ line, column, code }) => [line, column, code]),
    [[1, 5, 'region_file_name']],
  )
  const taken = regionFile('ch', { country: 'CH' })
  const second = compileText(text, undefined, [...smallWorld, taken]).diagnostics
  assert.equal(
    second.map(({ line, column, code }) => [line, column, code]),
    [[1, 5, 'region_name_taken']],
  )
})

test('regions of the catalogue', () => {
  const rest = '\ncoordination: { static: eu-west }\ndatasets: {}\n'
  expectAt(`cluster: x\nregions: [eu-west, §eu-wst]${rest}`, 'unknown_region', {
    suggestion: 'did you mean "eu-west"?',
  })
  expectAt(`cluster: x\nregions: [eu-west, §eu-west]${rest}`, 'duplicate_region')
  expectAt(`cluster: x\nregions: §./empty${rest}`, 'no_regions', { regionFiles: [] })
  const { policy } = compileText(`cluster: x\nregions: [us-east, eu-west]${rest}`)
  assert.equal(
    policy?.regions.map(({ id }) => id),
    ['us-east', 'eu-west'],
  )
})

test('what the shell has to read', () => {
  const of = (text: string) => regionsSetting({ file: 'denizen.yaml', text })
  assert.equal(of('regions: ./here\n'), { kind: 'folder', folder: './here' })
  assert.equal(of('regions: [a, b]\n'), { kind: 'catalogue', ids: ['a', 'b'] })
  assert.is(of('regions: 5\n'), undefined)
  assert.is(of('cluster: x\n'), undefined)
  assert.is(of('[\n'), undefined)
})

test('the keeper: implied in a cluster of one region, else required and known', () => {
  expectAt('§cluster: x\nregions: [eu-west, us-east]\ndatasets: {}\n', 'keeper_required', {
    suggestion: 'for example coordination: { static: eu-west }',
  })
  const wrong = 'cluster: x\nregions: [eu-west]\ncoordination: { static: §us-east }\ndatasets: {}\n'
  expectAt(wrong, 'unknown_region')
  const { policy } = compileText('cluster: x\nregions: [us-east]\ndatasets: {}\n')
  assert.is(policy?.keeper, 'us-east')
})

test.run()
