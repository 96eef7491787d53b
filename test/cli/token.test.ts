import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseAccessFile, type TokenEntry } from '../../src/access/access-file.ts'
import { hashSecret, parseToken } from '../../src/access/token.ts'
import { addToken, removeToken } from '../../src/cli/access-document.ts'
import { CliError, exitCodes } from '../../src/cli/exit-codes.ts'
import { takePidFile } from '../../src/runtime/pid-file.ts'
import { accessWith, tokenWith, whoIs } from '../access/access-world.ts'
import { runDenizen } from './run-denizen.ts'

const folder = mkdtempSync(join(tmpdir(), 'denizen-token-'))
test.after(() => rmSync(folder, { recursive: true }))

let files = 0
const freshPath = (): string => join(folder, `access-${files++}.yaml`)

const create = (path: string, ...more: readonly string[]) =>
  runDenizen(['token', 'create', '--access', path, '--name', 'shop', ...more])

test('a token that was made is let in, and one that was revoked is not', async () => {
  const path = freshPath()
  const { code, stdout } = await create(path, '--dataset', 'profiles', '--prefix', 'eu/')
  assert.is(code, exitCodes.ok)
  const token = stdout.trim()
  const text = readFileSync(path, 'utf8')
  const { id = '', secret = '' } = parseToken(token) ?? {}
  assert.not.match(text, secret)
  assert.match(text, await hashSecret(secret))
  const { file = {} } = parseAccessFile({ file: path, text })
  const caller = await whoIs(accessWith(file).access, `Bearer ${token}`)
  if (typeof caller === 'string') throw new Error(caller)
  for (const verb of ['read', 'write', 'list', 'watch'] as const) {
    assert.ok(caller.permits(verb, 'profiles', 'eu/a', false), verb)
  }
  assert.not(caller.permits('admin', 'profiles', 'eu/a', false))
  const revoked = await runDenizen(['token', 'revoke', id, '--access', path])
  assert.is(revoked.code, exitCodes.ok)
  const after = parseAccessFile({ file: path, text: readFileSync(path, 'utf8') }).file
  assert.equal(after?.tokens, [])
})

test('everything that a token can have', async () => {
  const path = freshPath()
  const more = ['--verbs', 'read,list', '--hint', '--expires', '30d', '--rate', '0.5', '--json']
  const { stdout } = await create(path, '--dataset', '*', ...more)
  const made = JSON.parse(stdout)
  assert.equal(made.scopes, [{ dataset: '*', verbs: ['read', 'list'], hint: true }])
  assert.is(made.rate, 0.5)
  assert.is(Date.parse(made.expires) - Date.parse(made.created), 30 * 86_400_000)
  const { token, ...shown } = made
  const listed = await runDenizen(['token', 'list', '--access', path, '--json'])
  assert.equal(JSON.parse(listed.stdout), [shown])
  const table = await runDenizen(['token', 'list', '--access', path])
  assert.match(table.stdout, `${made.id}  shop  *: read,list hint`)
})

const entry = async (dataset: string): Promise<TokenEntry> =>
  (await tokenWith([{ dataset, verbs: ['read'] }])).entry

test('comments, order, mode and links stay as they are', async () => {
  const real = freshPath()
  const path = join(folder, 'link.yaml')
  const before = '# ours\nquotas:\n  a: { records: 5 } # few\n\n# by hand\nanonymous: []\n'
  writeFileSync(real, before)
  chmodSync(real, 0o640)
  symlinkSync(real, path)
  const [first, second] = [await entry('a'), await entry('b')]
  await addToken(path, first)
  await addToken(path, second)
  await removeToken(path, first.id)
  const text = readFileSync(real, 'utf8')
  assert.ok(text.startsWith(before))
  assert.equal(parseAccessFile({ file: path, text }).file?.tokens, [second])
  assert.is(statSync(real).mode & 0o777, 0o640)
  assert.ok(lstatSync(path).isSymbolicLink())
})

const failureOf = async (promise: Promise<unknown>): Promise<CliError> => {
  const failure = await promise.catch((error: unknown) => error)
  assert.instance(failure, CliError)
  return failure as CliError
}

test('nothing is changed that can not be changed rightly', async () => {
  const broken = freshPath()
  writeFileSync(broken, 'tokens: [1]\n')
  assert.match(
    (await failureOf(addToken(broken, await entry('a')))).message,
    `${broken}:1:10: error`,
  )
  assert.is(readFileSync(broken, 'utf8'), 'tokens: [1]\n')
  const path = freshPath()
  assert.match((await failureOf(addToken(path, await entry('A')))).message, 'name of a dataset')
  assert.match((await failureOf(removeToken(path, 'abcdefgh'))).message, 'there is no file')
  await addToken(path, await entry('a'))
  assert.match((await failureOf(removeToken(path, 'abcdefgh'))).message, 'no token abcdefgh')
  const nowhere = join(folder, 'none', 'access.yaml')
  assert.match((await failureOf(addToken(nowhere, await entry('a')))).message, '(ENOENT)')
})

test('two commands do not change the file at once', async () => {
  const path = freshPath()
  const lock = takePidFile(`${path}.lock`)
  assert.match(
    (await failureOf(addToken(path, await entry('a')))).message,
    `process ${process.pid}`,
  )
  if ('release' in lock) lock.release()
  await addToken(path, await entry('a'))
})

test('wrong options are refused before anything is made', async () => {
  const path = freshPath()
  const wrong = [
    { more: ['--verbs', 'raed'], says: /Write some of read/ },
    { more: ['--expires', 'soon'], says: /such as 12h/ },
    { more: ['--prefix', 'eu'], says: /end in "\/"/ },
  ]
  for (const { more, says } of wrong) {
    const { code, stdout, stderr } = await create(path, '--dataset', 'a', ...more)
    assert.is(code, exitCodes.usage, more.join(' '))
    assert.match(stderr, says)
    assert.is(stdout, '')
  }
})

test.run()
