/** The policy that this repository ships: it compiles, and its table is the one it promises. */
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compilePolicy, regionsSetting } from '../../src/policy/compile.ts'
import { notEnforcedYet } from '../../src/policy/diagnostic.ts'
import { policyReport, reportTable } from '../../src/policy/report.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => ({ file: path, text: readFileSync(new URL(path, root), 'utf8') })

const policyFile = read('denizen.yaml')
const regionFiles = readdirSync(new URL('regions/', root)).map(name => read(`regions/${name}`))
const { policy, diagnostics } = compilePolicy({
  policy: policyFile,
  regionFiles,
  today: '2026-11-22',
})

test('it compiles, and uses nothing that is not enforced yet', () => {
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  assert.equal(errors, [])
  assert.equal(notEnforcedYet(diagnostics), [])
  assert.is(policy?.cluster, 'sample')
  assert.is(policy?.keeper, 'eu-west')
})

test('editors find its schema', () => {
  const [first] = policyFile.text.split('\n')
  assert.is(first, '# yaml-language-server: $schema=./schemas/denizen.schema.json')
})

test('its regions, in the order of its list', () => {
  const ids = ['eu-west', 'eu-central', 'us-east', 'ap-northeast']
  assert.equal(regionsSetting(policyFile), { kind: 'catalogue', ids })
  assert.equal(
    policy?.regions.map(({ id }) => id),
    ids,
  )
})

test('its table', () => {
  assert.ok(policy)
  const { head, rows } = reportTable(policyReport(policy, diagnostics))
  assert.equal(head.slice(0, 5), [
    'dataset',
    'eu-west (IE)',
    'eu-central (DE)',
    'us-east (US)',
    'ap-northeast (JP)',
  ])
  const all = 'home store serve'
  assert.equal(
    rows.map(row => row.slice(0, 6)),
    [
      ['cities', all, all, all, all, 'hint'],
      ['profiles', all, all, '307 → eu-west', '307 → eu-central', 'hint'],
      ['ledger', '451', '451', all, '451', 'hint'],
      ['catalog', all, all, 'serve (proxy)', 'serve (proxy)', 'hint'],
      ['settings', all, all, all, all, 'hash'],
      ['tenants/eu/', all, all, '307 → eu-west', '307 → eu-central', 'hint'],
      ['tenants/us/', '451', '451', all, '451', 'hint'],
      ['tenants/jp/', 'serve (proxy)', 'serve (proxy)', '307 → eu-west', all, 'hint'],
    ],
  )
})

test('its groups and laws', () => {
  const facts = policy?.placements.map(({ id, groupBySegments, law, anywhere }) => [
    id,
    groupBySegments,
    law.join(),
    anywhere,
  ])
  assert.equal(facts, [
    ['cities', null, '', true],
    ['profiles', 1, 'gdpr', false],
    ['ledger', null, '', false],
    ['catalog', null, '', false],
    ['settings', null, '', true],
    ['tenants/eu/', 2, 'gdpr', false],
    ['tenants/us/', 2, '', false],
    ['tenants/jp/', 2, 'jp-appi', false],
  ])
})

test('what it warns of', () => {
  assert.ok(policy)
  const warned = policyReport(policy, diagnostics).warnings
  const counts = Object.groupBy(warned, ({ code }) => code)
  assert.equal(
    Object.entries(counts).map(([code, list]) => [code, list?.length]),
    [
      ['foreign_operator', 3],
      ['single_copy', 3],
      ['served_not_stored', 2],
    ],
  )
})

test.run()
