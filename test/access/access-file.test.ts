/** Each error at its place: `§` in a file marks where the diagnostic has to stand. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseAccessFile } from '../../src/access/access-file.ts'
import type { DiagnosticCode } from '../../src/policy/diagnostic.ts'

const token = (more: string): string =>
  `tokens:\n  - id: abcdefgh\n    hash: "${'0'.repeat(64)}"\n    created: 2026-01-01T00:00:00Z\n${more}\n`

const scope = (text: string): string => token(`    scopes:\n      - ${text}`)

function expectAt(marked: string, code: DiagnosticCode, says: string): void {
  const before = marked.slice(0, marked.indexOf('§')).split('\n')
  const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
  const { file, diagnostics } = parseAccessFile({
    file: 'access.yaml',
    text: marked.replace('§', ''),
  })
  assert.is(file, undefined, 'a file with errors grants nothing')
  const found = diagnostics.find(it => it.line === place.line && it.column === place.column)
  const text = `${found?.message} ${found?.suggestion}`
  assert.is(found?.code, code, JSON.stringify(diagnostics))
  assert.ok(text.includes(says), text)
}

test('the file of the documentation is valid', () => {
  const docs = readFileSync(new URL('../../docs/ACCESS.md', import.meta.url), 'utf8')
  const [, text] = /```yaml\n(# access\.yaml\n.*?)```/s.exec(docs) ?? []
  assert.type(text, 'string')
  const { file, diagnostics } = parseAccessFile({ file: 'access.yaml', text: text ?? '' })
  assert.equal(diagnostics, [])
  assert.is(file?.tokens?.length, 2)
})

test('scopes', () => {
  expectAt(scope('{ dataset: a, verbs: [read, §wirte] }'), 'bad_value', 'use read, write')
  expectAt(scope('{ dataset: §A_B, verbs: [read] }'), 'bad_value', 'name of a dataset')
  expectAt(scope('{ dataset: a, verbs: §[] }'), 'bad_value', 'at least 1')
  expectAt(scope('{ dataset: a, verbs: [read], prefix: §eu }'), 'bad_value', 'end in "/"')
  expectAt(scope('{ dataset: a, verbs: [read], prefix: §a//b/ }'), 'bad_value', 'prefix')
  expectAt(scope('{ dataset: a, verbs: [read], §prefx: eu/ }'), 'unknown_field', 'prefix')
  expectAt(scope('§{ dataset: a }'), 'missing_field', 'verbs is required')
})

test('tokens', () => {
  expectAt(token('    scopes: []\n    expires: §tomorrow'), 'bad_value', '2026-12-31T00:00:00Z')
  expectAt(token('    scopes: []\n    rate: §0'), 'bad_value', 'at least')
  expectAt(token('    scopes: []').replace('abcdefgh', '§1bcdefgh'), 'bad_value', 'a letter first')
  const twice = token('    scopes: []')
  const second = twice.replace('tokens:\n', '').replace('abcdefgh', '§abcdefgh')
  expectAt(twice + second, 'bad_name', 'another token abcdefgh')
})

test('JWTs: algorithms that a public key could forge are refused, and keys in the clear', () => {
  const jwt = (algorithms: string, jwks: string): string =>
    `jwt: { issuer: a, audience: b, algorithms: [${algorithms}], jwks: ${jwks} }\n`
  expectAt(jwt('§none', 'keys.json'), 'bad_value', 'algorithms can not be "none"')
  expectAt(jwt('ES256, §HS256', 'keys.json'), 'bad_value', 'algorithms can not be "HS256"')
  expectAt(jwt('ES256', '§http://keys.example/jwks'), 'bad_value', 'https')
  for (const jwks of ['https://keys.example/jwks', 'http://127.0.0.1:9/jwks', 'keys.json']) {
    assert.ok(parseAccessFile({ file: 'a', text: jwt('EdDSA', jwks) }).file, jwks)
  }
})

test('no file at all, and YAML that means something else than it says', () => {
  expectAt('§# nothing\n', 'missing_field', 'empty')
  expectAt('anonymous: §yes\n', 'yaml_ambiguous', 'boolean')
  expectAt('§token: []\n', 'unknown_field', 'tokens')
})

test.run()
