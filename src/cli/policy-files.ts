/** Reads `denizen.yaml` and the region files that it names, and compiles them. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PolicyData } from '../model/placement.ts'
import { type CompileResult, compilePolicy, regionsSetting } from '../policy/compile.ts'
import type { Diagnostic } from '../policy/diagnostic.ts'
import type { SourceFile } from '../policy/source.ts'
import { usageError } from './exit-codes.ts'

/** The catalogue of real cloud regions that comes with Denizen. */
const catalogue = fileURLToPath(new URL('../../regions', import.meta.url))

export interface CheckedPolicy extends CompileResult {
  /** What was read, for excerpts: the diagnostics name these files. */
  readonly files: readonly SourceFile[]
}

/** Throws `CliError` when a file can't be read; what is wrong inside is in `diagnostics`. */
export function checkPolicyFile(configPath: string, today = isoDate(new Date())): CheckedPolicy {
  const policy = readSource(configPath)
  const setting = regionsSetting(policy)
  const folder =
    setting?.kind === 'folder' ? resolve(dirname(resolve(configPath)), setting.folder) : catalogue
  const regionFiles = readRegionFiles(folder, configPath)
  return {
    ...compilePolicy({ policy, regionFiles, today }),
    files: [policy, ...regionFiles],
  }
}

/** Throws `CliError` with the first error of the file. */
export function requirePolicy(configPath: string): PolicyData {
  const { policy, diagnostics } = checkPolicyFile(configPath)
  if (policy) return policy
  throw usageError(
    `${configPath} is no valid policy${firstError(diagnostics)}`,
    `See everything: denizen policy check --config ${configPath}`,
  )
}

function firstError(diagnostics: readonly Diagnostic[]): string {
  const first = diagnostics.find(({ severity }) => severity === 'error')
  return first ? `: line ${first.line}: ${first.message}` : ''
}

function readRegionFiles(folder: string, configPath: string): readonly SourceFile[] {
  try {
    return readdirSync(folder)
      .filter(name => /\.ya?ml$/.test(name))
      .sort()
      .map(name => readSource(join(folder, name)))
  } catch (error) {
    if (!isMissing(error)) throw error
    throw usageError(
      `the folder ${folder}, which ${configPath} names for its regions, does not exist`,
      'Make it, or list regions of the catalogue: regions: [eu-west, us-east]',
    )
  }
}

function readSource(path: string): SourceFile {
  try {
    return { file: displayName(path), text: readFileSync(path, 'utf8') }
  } catch (error) {
    if (!isMissing(error)) throw error
    throw usageError(`there is no file ${path}`, 'Name the policy file with --config.')
  }
}

/** As an editor or CI log can open it from here. */
function displayName(path: string): string {
  const fromHere = relative(process.cwd(), resolve(path))
  return fromHere.startsWith('..') ? resolve(path) : fromHere
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EISDIR')

const isoDate = (date: Date): string => date.toISOString().slice(0, 10)
