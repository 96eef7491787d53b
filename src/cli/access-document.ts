/**
 * Changes of an access file by the command line: comments and layout stay, the result is checked
 * before it replaces the file, and the file keeps its owner and mode, so that a node that runs as
 * another user can still read it.
 */
import { open, readFile, realpath, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Document, isMap, isSeq, parseDocument } from 'yaml'
import { type AccessFile, parseAccessFile, type TokenEntry } from '../access/access-file.ts'
import { formatDiagnostic } from '../policy/diagnostic.ts'
import { syncDirectory } from '../runtime/node-disk.ts'
import { takePidFile } from '../runtime/pid-file.ts'
import { CliError, exitCodes, usageError } from './exit-codes.ts'

const firstLines = `# Who may do what on the nodes that serve with --access and this file: see docs/ACCESS.md.
# Tokens are made and revoked by "denizen token"; running nodes take changes within a second.
tokens: []
`

/** The content of the file. Throws `CliError`. */
export async function readAccessFile(path: string): Promise<AccessFile> {
  const text = await textOf(path)
  if (text !== undefined) return checked(path, text)
  throw usageError(`there is no file ${path}`, `Make it: denizen token create --access ${path}`)
}

/** Adds a token; makes the file where there is none. Throws `CliError`. */
export const addToken = (path: string, token: TokenEntry): Promise<void> =>
  changed(path, firstLines, document => {
    const tokens = document.get('tokens')
    // An empty list is written as []; its first entry would stay on that line.
    if (isSeq(tokens) && tokens.items.length === 0) tokens.flow = false
    if (isSeq(tokens)) tokens.add(document.createNode(token))
    else document.set('tokens', document.createNode([token]))
  })

/** Takes a token out. Throws `CliError`, too where there is none of this id. */
export const removeToken = (path: string, id: string): Promise<void> =>
  changed(path, undefined, document => {
    const tokens = document.get('tokens')
    const items = isSeq(tokens) ? tokens.items : []
    const index = items.findIndex(item => isMap(item) && item.get('id') === id)
    if (index >= 0) {
      document.deleteIn(['tokens', index])
      return
    }
    throw new CliError(
      exitCodes.failed,
      `${path} has no token ${id}`,
      `See what it has: denizen token list --access ${path}`,
    )
  })

async function changed(
  path: string,
  first: string | undefined,
  change: (document: Document) => void,
): Promise<void> {
  try {
    await changedAlone(path, first, change)
  } catch (error) {
    if (error instanceof CliError || codeOf(error) === undefined) throw error
    throw new CliError(
      exitCodes.failed,
      `${path} can not be changed (${codeOf(error)})`,
      'Run this as the owner of the file, in a directory that it may write to.',
    )
  }
}

/** Two commands at once would undo each other's changes. */
async function changedAlone(
  path: string,
  first: string | undefined,
  change: (document: Document) => void,
): Promise<void> {
  const lock = takePidFile(`${path}.lock`)
  if ('heldBy' in lock) {
    throw new CliError(exitCodes.failed, `process ${lock.heldBy} is changing ${path}`, 'Try again.')
  }
  try {
    const text = (await textOf(path)) ?? first
    if (text === undefined) throw usageError(`there is no file ${path}`, 'Check --access.')
    checked(path, text)
    const document = parseDocument(text)
    change(document)
    const result = document.toString({ lineWidth: 0 })
    checked(path, result)
    await replaceFile(path, result)
  } finally {
    lock.release()
  }
}

function checked(path: string, text: string): AccessFile {
  const { file, diagnostics } = parseAccessFile({ file: path, text })
  if (file) return file
  throw usageError(
    `${path} has errors; nothing was changed\n${diagnostics.map(formatDiagnostic).join('\n')}`,
    'Correct them first.',
  )
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw usageError(`${path} can not be read (${codeOf(error)})`, 'Check --access.')
  }
}

/** Atomic and durable: the old file or the new one, also after a crash. */
async function replaceFile(path: string, text: string): Promise<void> {
  const before = await stat(path).catch(() => undefined)
  const target = before ? await realpath(path) : path
  const temporary = `${target}.new`
  const file = await open(temporary, 'w', 0o600)
  try {
    if (before) {
      await file.chown(before.uid, before.gid)
      await file.chmod(before.mode)
    }
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, target)
  await syncDirectory(dirname(target))
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined
