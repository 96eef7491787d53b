/** The policy file for commands that need a valid one. */
import type { PolicyData } from '../model/placement.ts'
import { checkPolicyFile } from '../node/policy-files.ts'
import { usageError } from './exit-codes.ts'

/** Throws `CliError` with the first error of the file, `StartError` when it can't be read. */
export function requirePolicy(configPath: string): PolicyData {
  const { policy, diagnostics } = checkPolicyFile(configPath)
  if (policy) return policy
  const first = diagnostics.find(({ severity }) => severity === 'error')
  throw usageError(
    `${configPath} is no valid policy${first ? `: line ${first.line}: ${first.message}` : ''}`,
    `See everything: denizen policy check --config ${configPath}`,
  )
}
