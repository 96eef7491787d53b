/**
 * A small world to compile policies in, and a check of diagnostics at exact places: `§` in a policy
 * marks where the diagnostic has to stand.
 */
import * as assert from 'uvu/assert'
import { type CompileResult, compilePolicy } from '../../src/policy/compile.ts'
import type { DiagnosticCode, Severity } from '../../src/policy/diagnostic.ts'
import type { SourceFile } from '../../src/policy/source.ts'

export const today = '2026-11-22'

interface RegionWords {
  readonly country: string
  readonly provider?: string
  readonly operatorCountry?: string
  readonly more?: string
}

export const regionFile = (id: string, words: RegionWords): SourceFile => ({
  file: `regions/${id}.yaml`,
  text: [
    `id: ${id}`,
    `name: Datacenter ${id}`,
    `country: "${words.country}"`,
    'coordinates: { latitude: 50.1, longitude: 8.7 }',
    `provider: ${words.provider ?? 'local'}`,
    'operator: Some Operator',
    `operatorCountry: "${words.operatorCountry ?? words.country}"`,
    `providerRegion: ${id}`,
    'source: https://example.com/regions',
    ...(words.more ? [words.more] : []),
    '',
  ].join('\n'),
})

export const smallWorld: readonly SourceFile[] = [
  regionFile('ap-northeast', { country: 'JP', provider: 'aws', operatorCountry: 'US' }),
  regionFile('ca-east', { country: 'CA', more: 'subdivision: "CA-QC"' }),
  regionFile('cn-east', { country: 'CN' }),
  regionFile('eu-central', { country: 'DE', more: 'tags: [green, bank]' }),
  regionFile('eu-west', { country: 'IE', provider: 'aws', operatorCountry: 'US' }),
  regionFile('ru-center', { country: 'RU' }),
  regionFile('uk-south', { country: 'GB' }),
  regionFile('us-east', { country: 'US', provider: 'aws' }),
]

const head = 'cluster: x\nregions: ./regions\ncoordination: { static: eu-west }\ndatasets:\n'

/** A policy with these datasets (indented by two) and what follows them. */
export const policyWith = (datasets: string, rest = ''): string => `${head}${datasets}\n${rest}`

export function compileText(text: string, day = today, regionFiles = smallWorld): CompileResult {
  return compilePolicy({ policy: { file: 'denizen.yaml', text }, regionFiles, today: day })
}

interface Expected {
  readonly severity?: Severity
  /** A part of the message. */
  readonly message?: string
  readonly suggestion?: string
  readonly regionFiles?: readonly SourceFile[]
  readonly today?: string
}

/** Compiles a text with one `§` in it and asserts that the diagnostic stands exactly there. */
export function expectAt(marked: string, code: DiagnosticCode, expected: Expected = {}): void {
  const before = marked.slice(0, marked.indexOf('§')).split('\n')
  assert.is(marked.split('§').length, 2, 'the policy has one mark')
  const text = marked.replace('§', '')
  const { policy, diagnostics } = compileText(text, expected.today, expected.regionFiles)
  const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
  const found = diagnostics.filter(
    ({ line, column, code: other, message }) =>
      other === code &&
      line === place.line &&
      column === place.column &&
      message.includes(expected.message ?? ''),
  )
  const all = diagnostics.map(d => `${d.line}:${d.column} ${d.code} ${d.message} ${d.suggestion}`)
  const [only] = found
  assert.is(found.length, 1, `${code} at ${place.line}:${place.column}, but:\n${all.join('\n')}`)
  assert.is(only?.severity, expected.severity ?? 'error')
  if (expected.suggestion !== undefined) assert.is(only?.suggestion, expected.suggestion)
  if (only?.severity === 'error') assert.is(policy, undefined, 'policies fail closed')
}

/** The only placement of a policy that has to compile. */
export function placementOf(datasets: string) {
  const { policy, diagnostics } = compileText(policyWith(datasets))
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  assert.equal(errors, [])
  const [placement] = policy?.placements ?? []
  if (!placement) throw new Error('the policy has no placement')
  return placement
}
